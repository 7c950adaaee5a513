package v2

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lianzhen/lianzhen/codec/hl7"
)

func TestProbe(t *testing.T) {
	dir := "/work/shared/data/lab"
	p, err := ParseProfile(nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if d.IsDir() || !strings.HasSuffix(path, ".hl7") {
			return nil
		}
		raw, _ := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		ms, err := hl7.ParseBatch(raw, p.Options())
		if err != nil {
			fmt.Printf("%s: PARSE %v\n", rel, err)
			return nil
		}
		for _, m := range ms {
			out, err := Decode(m, p)
			if err != nil {
				fmt.Printf("%s: DECODE %s %v\n", rel, out.Type, err)
				continue
			}
			fmt.Printf("%s: %s %s/%s reports %d orders %d patients %d merges %d q %v warn %d", rel, out.Type, m.Charset, m.Reason, len(out.Reports), len(out.Orders), len(out.Patients), len(out.Merges), out.Query, len(out.Warnings))
			for _, w := range out.Warnings {
				fmt.Printf(" %s@%s", w.Code, w.Place)
			}
			for _, r := range out.Reports {
				fmt.Printf("\n   R %s|%s|%s spec %s %s st %s rows %d notes %d %v", r.Placer, r.Filler, r.Service.Display(), r.Specimen.ID, r.Specimen.Type.Display(), r.Status, len(r.Results), len(r.Notes), r.Warnings)
				if len(r.Results) < 6 {
					for _, x := range r.Results {
						fmt.Printf("\n      %d %s/%s=%s %q [%s] %s %v %v n%d", x.Number, x.Code.Code, x.Code.Text, x.Value.Kind, x.Value.String(), x.Unit.Display(), x.Status, x.Flags, x.Warnings, len(x.Notes))
					}
				}
			}
			fmt.Println()
		}
		return nil
	})
}
