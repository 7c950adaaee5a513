package edge

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

// pictures writes studies that shrink, and objects too small for it.
func pictures(t *testing.T, dir string) (objects int) {
	t.Helper()
	study(t, filepath.Join(dir, "ct"), phantom.Spec{Kind: phantom.CTChest, Seed: 1, Count: 12, Rows: 256, Columns: 256})
	study(t, filepath.Join(dir, "us"), phantom.Spec{Kind: phantom.USHeart, Seed: 3, Count: 30}) // 27 MB
	study(t, filepath.Join(dir, "small"), small(4, 5))
	return 12 + 1 + 5
}

func TestShrunkObjectsArriveAsTheyAre(t *testing.T) {
	c := newCentre()
	c.restores = true
	cfg, dir := config(t, c.serve(t)), t.TempDir()
	cfg.Compress = CompressJPEGLS
	n := pictures(t, dir)
	sum, receipts := send(t, cfg, dir)
	if sum.Code() != 0 || sum.Stored != n || len(c.kept) != n || c.packed != 13 {
		t.Fatalf("%+v, %d in containers", sum, c.packed)
	}
	if sum.Sent*2 > sum.Bytes || sum.Sent != c.received || sum.Saved != sum.Bytes-sum.Sent {
		t.Errorf("%d bytes sent, %d received, %d saved of %d", sum.Sent, c.received, sum.Saved, sum.Bytes)
	}
	saved := int64(0)
	for _, r := range receipts {
		saved += r.Saved
	}
	if saved != sum.Saved {
		t.Errorf("receipts tell of %d, the summary of %d", saved, sum.Saved)
	}
}

func TestACentreThatRestoresNothingIsSentObjectsAsTheyAre(t *testing.T) {
	c := newCentre()
	cfg, dir := config(t, c.serve(t)), t.TempDir()
	cfg.Compress = CompressJPEGLS
	n := pictures(t, dir)
	sum, _ := send(t, cfg, dir)
	if sum.Code() != 0 || len(c.kept) != n || c.packed != 0 || sum.Saved != 0 {
		t.Errorf("%+v, %d in containers", sum, c.packed)
	}
}

func TestARefusedContainerIsFollowedByTheObjectItself(t *testing.T) {
	c := newCentre()
	c.refuses = true
	cfg, dir := config(t, c.serve(t)), t.TempDir()
	cfg.Compress = CompressJPEGLS
	n := pictures(t, dir)
	sum, _ := send(t, cfg, dir)
	if sum.Code() != 0 || len(c.kept) != n || c.packed != 13 || sum.Saved != 0 {
		t.Errorf("%+v, %d in containers", sum, c.packed)
	}
}

func TestAShrunkObjectContinuesOverACutLine(t *testing.T) {
	c := newCentre()
	c.restores = true
	line := newBadLine(t, c.serve(t), 4, 600_000, 900_000)
	cfg, dir := config(t, line.addr), t.TempDir()
	cfg.Compress, cfg.Streams = CompressJPEGLS, 1
	study(t, dir, phantom.Spec{Kind: phantom.USHeart, Seed: 3, Count: 30, Gray: true}) // 9 MB
	sum, _ := send(t, cfg, dir)
	if sum.Code() != 0 || len(c.kept) != 1 {
		t.Fatalf("%+v", sum)
	}
	if line.left() > 0 {
		t.Errorf("%d cuts were not made", line.left())
	}
	if c.received > sum.Bytes {
		t.Errorf("%d bytes crossed the line for %d", c.received, sum.Bytes)
	}
}

func TestALineIsJudgedByWhatItDoes(t *testing.T) {
	packs := []pb.Encoding{pb.Encoding_ENCODING_COMPACT_1}
	const wire = 8 << 20
	for _, c := range []struct {
		name string
		mode Compress
		say  func(*gauge)
		want bool
	}{
		{"nothing is known", CompressAuto, func(*gauge) {}, false},
		{"far away", CompressAuto, func(g *gauge) { g.asked(100*time.Millisecond, packs) }, true},
		{"in the house", CompressAuto, func(g *gauge) { g.asked(2*time.Millisecond, packs) }, false},
		{"far away, an old centre", CompressAuto, func(g *gauge) { g.asked(100*time.Millisecond, nil) }, false},
		{"always", CompressJPEGLS, func(g *gauge) { g.asked(time.Millisecond, packs) }, true},
		{"never", CompressOff, func(g *gauge) { g.asked(time.Second, packs) }, false},
		{"near and slow", CompressAuto, func(g *gauge) {
			g.asked(2*time.Millisecond, packs)
			g.sent(wire, 4*time.Second, 4*time.Second)
		}, true},
		{"far and fast", CompressAuto, func(g *gauge) {
			g.asked(100*time.Millisecond, packs)
			g.sent(wire*10, time.Second, time.Second/2)
		}, false},
		{"the sender is slower than the line", CompressAuto, func(g *gauge) {
			g.asked(100*time.Millisecond, packs)
			g.sent(wire, 2*time.Second, time.Second/20)
		}, false},
		{"a later answer does not undo it", CompressAuto, func(g *gauge) {
			g.sent(wire, 4*time.Second, 4*time.Second)
			g.asked(2*time.Millisecond, packs)
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := gauge{mode: c.mode, lanes: 2}
			c.say(&g)
			if got := g.shrink(&Object{Size: 1 << 20}); got != c.want {
				t.Errorf("shrinks: %v", got)
			}
			if g.shrink(&Object{Size: 1000}) || g.shrink(&Object{Size: 1 << 20, plain: true}) {
				t.Error("shrinks what is small or was refused")
			}
		})
	}
}

func TestAKnownLineIsNotAskedFirst(t *testing.T) {
	c := newCentre()
	c.restores = true
	cfg, dir := config(t, c.serve(t)), t.TempDir()
	cfg.Compress = CompressJPEGLS
	if err := (memory{To: cfg.To, Restores: true, Slow: true}).write(cfg.StateDir); err != nil {
		t.Fatal(err)
	}
	study(t, dir, phantom.Spec{Kind: phantom.CTChest, Seed: 1, Count: 12, Rows: 256, Columns: 256})
	put(t, filepath.Join(dir, "twin.dcm"), bytesOf(t, filepath.Join(dir, "CT0001.dcm")))
	sum, _ := send(t, cfg, dir)
	if sum.Code() != 0 || sum.Stored != 12 || sum.Twins != 1 || c.asked > 10 || c.packed != 12 {
		t.Errorf("%+v, asked about %d, %d in containers", sum, c.asked, c.packed)
	}
	if again, _ := send(t, cfg, dir); again.Already != 12 || again.Sent != 0 {
		t.Errorf("again: %+v", again)
	}
	if m := recall(cfg.StateDir, cfg.To); !m.Restores {
		t.Errorf("remembered %+v", m)
	}
	if m := recall(cfg.StateDir, "elsewhere:1"); m.Restores || m.Slow {
		t.Errorf("of another centre %+v", m)
	}
}

func bytesOf(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
