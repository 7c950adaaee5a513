// S3 keeps blobs in buckets of any S3 server.

package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/encrypt"

	"github.com/lianzhen/lianzhen/record"
)

// S3Config says where the S3 server is and how objects are kept there.
type S3Config struct {
	Endpoint     string // host:port
	AccessKey    string
	SecretKey    string
	Region       string // default us-east-1
	Secure       bool   // TLS
	SSE          bool   // ask for server-side encryption (AES256) on every put
	RetainFor    time.Duration
	Compliance   bool   // retention mode COMPLIANCE instead of GOVERNANCE
	BucketPrefix string // before the bucket of every key
	Transport    http.RoundTripper
}

// S3 is the Blobs of a cluster. A bucket is made when it is first written to; with RetainFor it is made with object
// lock (and so with versioning), and every put is retained that long. Delete in such a bucket adds a delete marker: the
// object is gone for us and stays on the server until its retention ends.
type S3 struct {
	cfg    S3Config
	client *minio.Client
	core   minio.Core

	mu    sync.Mutex
	ready map[string]bool // buckets that exist
}

const (
	s3Part  = 16 << 20
	s3Small = 1 << 20 // an object of unknown size that ends before this is sent in one request
	s3Tries = 3
	s3Stall = 30 * time.Second // a transfer that moves nothing for so long is dead
	metaSum = "Sha256"
)

// NewS3 makes the client. It does not call the server, so that a gateway starts while the server is away.
func NewS3(cfg S3Config) (*S3, error) {
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	if cfg.Transport == nil {
		cfg.Transport = s3Transport()
	}
	client, err := minio.New(cfg.Endpoint, &minio.Options{
		Creds:           credentials.NewStaticV4(cfg.AccessKey, cfg.SecretKey, ""),
		Secure:          cfg.Secure,
		Region:          cfg.Region,
		Transport:       cfg.Transport,
		TrailingHeaders: true, // CRC32C of the body, which object lock asks for
		MaxRetries:      s3Tries,
	})
	if err != nil {
		return nil, record.Wrap(record.Invalid, err, "s3: endpoint not understood")
	}
	return &S3{cfg: cfg, client: client, core: minio.Core{Client: client}, ready: make(map[string]bool)}, nil
}

func s3Transport() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 3 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: s3Stall,
		ExpectContinueTimeout: time.Second,
		IdleConnTimeout:       time.Minute,
		MaxIdleConns:          256,
		MaxIdleConnsPerHost:   64,
		WriteBufferSize:       64 << 10,
		ReadBufferSize:        64 << 10,
		DisableCompression:    true,
	}
}

// split gives the bucket on the server and the name in it.
func (s *S3) split(key string) (bucket, name string, err error) {
	if err := ValidKey(key); err != nil {
		return "", "", err
	}
	bucket, name, _ = strings.Cut(key, "/")
	return s.cfg.BucketPrefix + bucket, name, nil
}

// Put implements Blobs. A source that can be rewound is sent again when the server is away for a moment.
func (s *S3) Put(ctx context.Context, key string, r io.Reader, size int64) (BlobInfo, error) {
	bucket, name, err := s.split(key)
	if err != nil {
		return BlobInfo{}, err
	}
	opts := s.putOptions()
	if k, ok := r.(known); ok {
		opts.UserMetadata = map[string]string{metaSum: k.sum}
	}
	if size < 0 {
		if r, size, err = measured(r); err != nil {
			return BlobInfo{}, fmt.Errorf("put %s: %w", key, err)
		}
	}
	if size < 0 || size > s3Part {
		opts.NumThreads, opts.PartSize = 1, partSize(size)
	}
	rewind := rewinder(r)
	for try := 1; ; try++ {
		info, err := s.put(ctx, put{key: key, bucket: bucket, name: name, r: r, size: size, opts: opts})
		if err == nil {
			return info, nil
		}
		again := record.KindOf(err) == record.Unavailable && try < s3Tries && rewind() && pause(ctx, 4+try)
		if !again {
			return BlobInfo{}, fmt.Errorf("put %s: %w", key, err)
		}
	}
}

// rewinder goes back to where r stands now, if r can.
func rewinder(r io.Reader) func() bool {
	never := func() bool { return false }
	seeker, ok := r.(io.Seeker)
	if !ok {
		return never
	}
	start, err := seeker.Seek(0, io.SeekCurrent)
	if err != nil {
		return never
	}
	return func() bool {
		_, err := seeker.Seek(start, io.SeekStart)
		return err == nil
	}
}

type put struct {
	key, bucket, name string
	r                 io.Reader
	size              int64
	opts              minio.PutObjectOptions
}

// put sends once.
func (s *S3) put(ctx context.Context, p put) (BlobInfo, error) {
	if err := s.bucket(ctx, p.bucket); err != nil {
		return BlobInfo{}, err
	}
	ctx, body, done := watch(ctx, p.r)
	defer done()
	_, err := s.client.PutObject(ctx, p.bucket, p.name, body, p.size, p.opts)
	body.detach()
	switch {
	case isCode(err, http.StatusPreconditionFailed):
		err = s.same(ctx, p.key, body)
	case isCode(err, http.StatusNotFound): // somebody removed the bucket
		s.forget(p.bucket)
		err = record.Wrap(record.Unavailable, err, "the bucket is gone; it will be made again")
	case err != nil && body.err != nil:
		err = body.err // the source failed, not the server
	case err != nil && context.Cause(ctx) != nil:
		err = context.Cause(ctx)
	case err != nil:
		err = s3Fault(err)
	case p.size >= 0 && body.n != p.size:
		err = record.Errorf(record.Invalid, "blob %s: %d bytes came, %d were announced", p.key, body.n, p.size)
	}
	return BlobInfo{Key: p.key, Size: body.n, SHA256: body.sum(), ModifiedAt: time.Now().UTC()}, err
}

// partSize bounds what a large object costs in memory, one part, within the 10,000 parts that S3 allows.
func partSize(size int64) uint64 {
	const least, parts = 8 << 20, 9000
	if size < 0 {
		return s3Part
	}
	return uint64(max(least, size/parts+1))
}

func (s *S3) putOptions() minio.PutObjectOptions {
	opts := minio.PutObjectOptions{ContentType: "application/octet-stream", PartSize: s3Part}
	opts.SetMatchETagExcept("*") // never overwrite
	if s.cfg.SSE {
		opts.ServerSideEncryption = encrypt.NewSSE()
	}
	if s.cfg.RetainFor > 0 {
		opts.Mode = s.mode()
		opts.RetainUntilDate = time.Now().Add(s.cfg.RetainFor).UTC().Truncate(time.Second)
	}
	return opts
}

func (s *S3) mode() minio.RetentionMode {
	if s.cfg.Compliance {
		return minio.Compliance
	}
	return minio.Governance
}

// measured finds the length of a small object of unknown length.
func measured(r io.Reader) (io.Reader, int64, error) {
	var head bytes.Buffer
	n, err := io.CopyN(&head, r, s3Small)
	if errors.Is(err, io.EOF) {
		return bytes.NewReader(head.Bytes()), n, nil
	}
	return io.MultiReader(&head, r), -1, err
}

// same answers a put of a key that exists: fine when the bytes are the same.
func (s *S3) same(ctx context.Context, key string, body *sentBody) error {
	if err := body.drain(); err != nil { // what the client did not send any more
		return err
	}
	kept, info, err := s.Open(ctx, key)
	if err != nil {
		return err
	}
	defer func() { _ = kept.Close() }()
	sum := info.SHA256
	if info.Size == body.n && sum == "" {
		h := sha256.New()
		if _, err := io.Copy(h, kept); err != nil {
			return err
		}
		sum = hex.EncodeToString(h.Sum(nil))
	}
	if info.Size != body.n || sum != body.sum() {
		return record.Errorf(record.Conflict, "blob %s is kept already with other bytes", key)
	}
	return nil
}

// bucket makes a bucket that is missing, once.
func (s *S3) bucket(ctx context.Context, name string) error {
	s.mu.Lock()
	ready := s.ready[name]
	s.mu.Unlock()
	if ready {
		return nil
	}
	exists, err := s.client.BucketExists(ctx, name)
	if err != nil {
		return s3Fault(err)
	}
	if !exists {
		err := s.client.MakeBucket(ctx, name, minio.MakeBucketOptions{Region: s.cfg.Region, ObjectLocking: s.cfg.RetainFor > 0})
		if err != nil && !isCode(err, http.StatusConflict) { // another gateway made it
			return s3Fault(err)
		}
	}
	if s.cfg.RetainFor > 0 {
		if lock, _, _, _, err := s.client.GetObjectLockConfig(ctx, name); err != nil || lock != "Enabled" {
			if err != nil && !isCode(err, http.StatusNotFound) {
				return s3Fault(err)
			}
			return record.Errorf(record.Precondition, "bucket %s has no object lock, and retention is asked for", name)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready[name] = true
	return nil
}

func (s *S3) forget(bucket string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ready, bucket)
}

func (s *S3) get(ctx context.Context, key string, opts minio.GetObjectOptions) (io.ReadCloser, BlobInfo, error) {
	bucket, name, err := s.split(key)
	if err != nil {
		return nil, BlobInfo{}, err
	}
	body, info, _, err := s.core.GetObject(ctx, bucket, name, opts)
	if err != nil {
		return nil, BlobInfo{}, blobFault(err, key)
	}
	return receivedBody{body}, blobInfo(key, info), nil
}

func blobInfo(key string, info minio.ObjectInfo) BlobInfo {
	return BlobInfo{Key: key, Size: info.Size, SHA256: info.UserMetadata[metaSum], ModifiedAt: info.LastModified.UTC()}
}

// Open implements Blobs.
func (s *S3) Open(ctx context.Context, key string) (io.ReadCloser, BlobInfo, error) {
	return s.get(ctx, key, minio.GetObjectOptions{})
}

// Range implements Blobs.
func (s *S3) Range(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	if off < 0 || n < 0 {
		return nil, record.Errorf(record.Invalid, "blob range: negative")
	}
	none := io.NopCloser(bytes.NewReader(nil))
	if n == 0 {
		_, err := s.Stat(ctx, key)
		return none, err
	}
	var opts minio.GetObjectOptions
	if err := opts.SetRange(off, off+min(n-1, math.MaxInt64-off)); err != nil {
		return nil, record.Wrap(record.Invalid, err, "blob range")
	}
	body, _, err := s.get(ctx, key, opts)
	if isCode(err, http.StatusRequestedRangeNotSatisfiable) {
		return none, nil
	}
	return body, err
}

// Stat implements Blobs.
func (s *S3) Stat(ctx context.Context, key string) (BlobInfo, error) {
	bucket, name, err := s.split(key)
	if err != nil {
		return BlobInfo{}, err
	}
	info, err := s.client.StatObject(ctx, bucket, name, minio.StatObjectOptions{})
	if err != nil {
		return BlobInfo{}, blobFault(err, key)
	}
	return blobInfo(key, info), nil
}

// Delete implements Blobs.
func (s *S3) Delete(ctx context.Context, key string) error {
	bucket, name, err := s.split(key)
	if err != nil {
		return err
	}
	err = s.client.RemoveObject(ctx, bucket, name, minio.RemoveObjectOptions{})
	if err == nil || isCode(err, http.StatusNotFound) {
		return nil
	}
	return blobFault(err, key)
}

// List implements Blobs.
func (s *S3) List(ctx context.Context, prefix, after string) iter.Seq2[BlobInfo, error] {
	return func(yield func(BlobInfo, error) bool) {
		buckets, inside, err := s.buckets(ctx, prefix)
		if err != nil {
			yield(BlobInfo{}, fmt.Errorf("list blobs: %w", err))
			return
		}
		for _, b := range buckets {
			start, passed := startIn(b, after)
			if !passed && !s.listBucket(ctx, b, inside, start, yield) {
				return
			}
		}
	}
}

// buckets finds those that a prefix reaches, without our own prefix, and the prefix inside them.
func (s *S3) buckets(ctx context.Context, prefix string) (names []string, inside string, err error) {
	if bucket, rest, ok := strings.Cut(prefix, "/"); ok {
		if !validBucket(bucket) {
			return nil, "", nil
		}
		return []string{bucket}, rest, nil
	}
	all, err := s.client.ListBuckets(ctx)
	if err != nil {
		return nil, "", s3Fault(err)
	}
	for _, b := range all {
		if name, ok := strings.CutPrefix(b.Name, s.cfg.BucketPrefix); ok && strings.HasPrefix(name, prefix) && validBucket(name) {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(a+"/", b+"/") })
	return names, "", nil
}

// startIn says after which name a bucket is listed, or that all of it comes before the key after.
func startIn(bucket, after string) (start string, passed bool) {
	if rest, ok := strings.CutPrefix(after, bucket+"/"); ok {
		return rest, false
	}
	return "", bucket+"/" < after
}

func (s *S3) listBucket(ctx context.Context, bucket, prefix, after string, yield func(BlobInfo, error) bool) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	opts := minio.ListObjectsOptions{Prefix: prefix, Recursive: true, StartAfter: after}
	for o := range s.client.ListObjectsIter(ctx, s.cfg.BucketPrefix+bucket, opts) {
		if isCode(o.Err, http.StatusNotFound) {
			return true
		}
		if o.Err != nil {
			yield(BlobInfo{}, fmt.Errorf("list blobs: %w", s3Fault(o.Err)))
			return false
		}
		key := bucket + "/" + o.Key
		if ValidKey(key) != nil {
			continue
		}
		if !yield(BlobInfo{Key: key, Size: o.Size, ModifiedAt: o.LastModified.UTC()}, nil) {
			return false
		}
	}
	if err := ctx.Err(); err != nil {
		yield(BlobInfo{}, err)
		return false
	}
	return true
}

func isCode(err error, status int) bool {
	var answer minio.ErrorResponse
	return errors.As(err, &answer) && answer.StatusCode == status
}

func blobFault(err error, key string) error {
	if isCode(err, http.StatusNotFound) {
		return record.Errorf(record.NotFound, "blob %s", key)
	}
	return fmt.Errorf("blob %s: %w", key, s3Fault(err))
}

// s3Fault gives an error of the server its kind. A refusal (wrong key, clock askew) is Unavailable too: it is ours to
// repair, and the sender shall try again.
func s3Fault(err error) error {
	var named *record.Error
	if err == nil || errors.As(err, &named) {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var answer minio.ErrorResponse
	if errors.As(err, &answer) && answer.StatusCode >= 400 && answer.StatusCode < 500 &&
		answer.StatusCode != http.StatusForbidden && answer.StatusCode != http.StatusTooManyRequests {
		return err
	}
	return record.Wrap(record.Unavailable, err, "the object store cannot be reached")
}
