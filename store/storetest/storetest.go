// Package storetest gives tests a real database and real blobs: SQLite and a folder always, PostgreSQL and an S3 server
// when their addresses are in the environment.
//
//	LIANZHEN_TEST_POSTGRES   postgres:// URL of a role that may CREATE DATABASE
//	LIANZHEN_TEST_S3         host:port of an S3 server without TLS; LIANZHEN_TEST_S3_ACCESS and _SECRET, default minioadmin
//	LIANZHEN_TEST_REQUIRE=1  a missing address fails the test instead of leaving it out
package storetest

import (
	"context"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver that makes and drops databases
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Each runs fn over "sqlite+dir", and over "postgres+s3" when both addresses are set.
func Each(t *testing.T, fn func(t *testing.T, db *store.DB, blobs store.Blobs)) {
	t.Helper()
	t.Run("sqlite+dir", func(t *testing.T) { fn(t, SQLite(t), Dir(t)) })
	t.Run("postgres+s3", func(t *testing.T) { fn(t, Postgres(t), S3(t)) })
}

// EachDB runs fn over SQLite, and over PostgreSQL when its address is set.
func EachDB(t *testing.T, fn func(t *testing.T, db *store.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { fn(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { fn(t, Postgres(t)) })
}

// SQLite opens a fresh SQLite database in the folder of the test.
func SQLite(t testing.TB) *store.DB {
	t.Helper()
	return Open(t, "sqlite:"+filepath.Join(t.TempDir(), "index.sqlite"))
}

// Open opens a database with keys of its own and closes it with the test.
func Open(t testing.TB, url string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), url, store.Options{Keys: Keys(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// Keys are keys made of a constant: the same in every test.
func Keys(t testing.TB) *store.Keys {
	t.Helper()
	k, err := store.NewKeys([]byte("lianzhen test master key, 32 by."))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Dir opens a fresh folder of blobs.
func Dir(t testing.TB) *store.Dir {
	t.Helper()
	d, err := store.NewDir(filepath.Join(t.TempDir(), "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// PostgresURL makes a database of its own for the test and drops it afterwards.
func PostgresURL(t testing.TB) string {
	t.Helper()
	address := need(t, "LIANZHEN_TEST_POSTGRES")
	admin, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	name := "test_" + strings.ToLower(record.NewID(time.Now()))
	if _, err := admin.Exec(`CREATE DATABASE ` + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec(`DROP DATABASE ` + name + ` WITH (FORCE)`); err != nil {
			t.Error(err)
		}
		_ = admin.Close()
	})
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

// Postgres opens a fresh PostgreSQL database, or skips the test when there is no server.
func Postgres(t testing.TB) *store.DB {
	t.Helper()
	return Open(t, PostgresURL(t))
}

func need(t testing.TB, name string) string {
	t.Helper()
	v := os.Getenv(name)
	switch {
	case v != "":
	case os.Getenv("LIANZHEN_TEST_REQUIRE") == "1":
		t.Fatalf("%s is not set, and LIANZHEN_TEST_REQUIRE=1", name)
	default:
		t.Skipf("%s is not set", name)
	}
	return v
}

func env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// S3Config points to the S3 server of the tests, with a bucket prefix of its own, or skips the test.
func S3Config(t testing.TB) store.S3Config {
	t.Helper()
	return store.S3Config{
		Endpoint:     need(t, "LIANZHEN_TEST_S3"),
		AccessKey:    env("LIANZHEN_TEST_S3_ACCESS", "minioadmin"),
		SecretKey:    env("LIANZHEN_TEST_S3_SECRET", "minioadmin"),
		BucketPrefix: "t" + strings.ToLower(record.NewID(time.Now())[14:]) + "-",
	}
}

// S3 opens the S3 server of the tests; its buckets are removed afterwards.
func S3(t testing.TB) *store.S3 {
	t.Helper()
	cfg := S3Config(t)
	s, err := store.NewS3(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { RemoveBuckets(t, cfg) })
	return s
}

// RemoveBuckets removes the buckets of a test with all that is in them, retained versions too.
func RemoveBuckets(t testing.TB, cfg store.S3Config) {
	t.Helper()
	ctx := context.Background()
	client, err := minio.New(cfg.Endpoint, &minio.Options{Creds: credentials.NewStaticV4(cfg.AccessKey, cfg.SecretKey, ""), Secure: cfg.Secure})
	if err != nil {
		t.Fatal(err)
	}
	buckets, err := client.ListBuckets(ctx)
	if err != nil {
		t.Error(err)
	}
	for _, b := range buckets {
		if !strings.HasPrefix(b.Name, cfg.BucketPrefix) {
			continue
		}
		for o := range client.ListObjectsIter(ctx, b.Name, minio.ListObjectsOptions{WithVersions: true, Recursive: true}) {
			opts := minio.RemoveObjectOptions{VersionID: o.VersionID, GovernanceBypass: true}
			if err := client.RemoveObject(ctx, b.Name, o.Key, opts); err != nil {
				t.Error(err)
			}
		}
		if err := client.RemoveBucket(ctx, b.Name); err != nil {
			t.Error(err)
		}
	}
}
