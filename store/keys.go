// The master key and what is derived from it: sealing texts, blind indexes over them, message authentication.

package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/lianzhen/lianzhen/record"
)

// Keys seals personal data and makes searchable marks of it. Lose the master key and sealed data are lost; change it
// and identity numbers are no longer recognised. Back it up apart from the database.
type Keys struct {
	id    string // first eight characters of a fingerprint: tells which key sealed a text
	seal  cipher.AEAD
	index []byte
	mac   []byte
}

const masterFile = "master.key"

// OpenKeys reads the master key in dir, and makes the folder and a new key at the first start.
func OpenKeys(dir string) (*Keys, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	path := filepath.Join(dir, masterFile)
	master, err := readMaster(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := writeMaster(dir, path); err != nil {
			return nil, fmt.Errorf("keys: %w", err)
		}
		master, err = readMaster(path)
	}
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return NewKeys(master)
}

func readMaster(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != 32 {
		return nil, record.Errorf(record.Precondition, "master key: want 64 hexadecimal digits")
	}
	return key, nil
}

// writeMaster makes the key in a file of its own and links it into place: of two first starts one wins, and a crash
// leaves no half key.
func writeMaster(dir, path string) error {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	f, err := os.CreateTemp(dir, "new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.WriteString(hex.EncodeToString(key) + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncPath(dir)
}

// NewKeys derives the working keys from a master key of 32 bytes.
func NewKeys(master []byte) (*Keys, error) {
	if len(master) != 32 {
		return nil, record.Errorf(record.Invalid, "master key: want 32 bytes")
	}
	derived := make(map[string][]byte)
	for _, use := range []string{"id", "seal", "index", "mac"} {
		k, err := hkdf.Key(sha256.New, master, nil, "lianzhen/"+use, 32)
		if err != nil {
			return nil, fmt.Errorf("keys: %w", err)
		}
		derived[use] = k
	}
	block, err := aes.NewCipher(derived["seal"])
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return &Keys{id: hex.EncodeToString(derived["id"][:4]), seal: aead, index: derived["index"], mac: derived["mac"]}, nil
}

// Seal encrypts plain with AES-256-GCM and a random nonce: "<key id>.<base64>". about binds the text to its place, so
// that it cannot be moved to another row; Open needs the same words.
func (k *Keys) Seal(plain []byte, about string) string {
	return k.id + "." + base64.RawStdEncoding.EncodeToString(k.seal.Seal(nil, nil, plain, []byte(about)))
}

// Keys are the keys that the database was opened with, nil without.
func (db *DB) Keys() *Keys { return db.keys }

// Open is the inverse of Seal.
func (k *Keys) Open(sealed, about string) ([]byte, error) {
	id, text, ok := strings.Cut(sealed, ".")
	if !ok || id != k.id {
		return nil, record.Errorf(record.Precondition, "sealed with another key")
	}
	data, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil, record.Errorf(record.Precondition, "sealed text is damaged")
	}
	plain, err := k.seal.Open(nil, nil, data, []byte(about))
	if err != nil {
		return nil, record.Errorf(record.Precondition, "sealed text is damaged")
	}
	return plain, nil
}

// Index makes a mark of a value that can be looked up and not guessed without the key: hex HMAC-SHA256.
func (k *Keys) Index(system, value string) string {
	return hex.EncodeToString(sum(k.index, []byte(system+"\x00"+value)))
}

// MAC authenticates msg: HMAC-SHA256.
func (k *Keys) MAC(msg []byte) []byte { return sum(k.mac, msg) }

func sum(key, msg []byte) []byte {
	h := hmac.New(sha256.New, key)
	_, _ = h.Write(msg)
	return h.Sum(nil)
}
