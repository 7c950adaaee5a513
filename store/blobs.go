// Blobs: the only storage interface of the house. Two implementations, Dir and S3, and one conformance suite.

package store

import (
	"context"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
)

// BlobInfo describes a kept object.
type BlobInfo struct {
	Key        string
	Size       int64
	SHA256     string // hex; empty where the store cannot know it without reading
	ModifiedAt time.Time
}

// Blobs keeps objects that never change. Missing objects are NotFound; trouble with disk or network is Unavailable.
type Blobs interface {
	// Put keeps what r gives under key and is durable when it returns, with the SHA-256 of what it kept (not of a pack:
	// its objects have their own). size is the length, or -1; a different length is Invalid. The same bytes under the same key again are fine, others a Conflict.
	Put(ctx context.Context, key string, r io.Reader, size int64) (BlobInfo, error)
	// Open reads an object from its beginning.
	Open(ctx context.Context, key string) (io.ReadCloser, BlobInfo, error)
	// Range reads n bytes from off; fewer when the object ends before.
	Range(ctx context.Context, key string, off, n int64) (io.ReadCloser, error)
	Stat(ctx context.Context, key string) (BlobInfo, error)
	// Delete removes an object; a missing one is no error.
	Delete(ctx context.Context, key string) error
	// List walks the objects whose keys begin with prefix and come after the key after, in key order.
	List(ctx context.Context, prefix, after string) iter.Seq2[BlobInfo, error]
}

const (
	maxKey     = 512
	maxSegment = 128
)

// ValidKey checks a key: <bucket>/<segment>/...; the bucket as S3 wants it, the segments of the letters of an id.
func ValidKey(key string) error {
	bucket, rest, ok := strings.Cut(key, "/")
	if !ok || len(key) > maxKey || !validBucket(bucket) {
		return record.Errorf(record.Invalid, "blob key: want <bucket>/<name>")
	}
	for seg := range strings.SplitSeq(rest, "/") {
		if !validSegment(seg, maxSegment) {
			return record.Errorf(record.Invalid, "blob key: a part is empty, too long or has other letters than those of an id")
		}
	}
	return nil
}

// validBucket: 3 to 63 lower-case letters, digits and hyphens, no hyphen at the ends.
func validBucket(s string) bool {
	if len(s) < 3 || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// validSegment: the grammar of record.ValidID with another bound, and no dot at the end, which some file systems drop.
func validSegment(s string, longest int) bool {
	if len(s) == 0 || len(s) > longest || s[0] == '.' || s[len(s)-1] == '.' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-', c == ':':
		case c == '.' && s[i-1] != '.':
		default:
			return false
		}
	}
	return true
}
