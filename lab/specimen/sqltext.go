package specimen

import (
	"database/sql"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// sqlText gathers the conditions of a query.
type sqlText = store.Where

// pageAt and openPage name where a page of rows ended that are sorted by an instant and an id.
func pageAt(at int64, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(at, 10) + "|" + id))
}

func openPage(token string) (at int64, id string, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	first, id, ok := strings.Cut(string(raw), "|")
	at, numberErr := strconv.ParseInt(first, 10, 64)
	if err != nil || !ok || numberErr != nil || !record.ValidID(id) {
		return 0, "", record.Errorf(record.Invalid, "page_token: not one of ours")
	}
	return at, id, nil
}

// words are flags in a column: a blank around each.
func joinWords(w []string) string {
	if len(w) == 0 {
		return ""
	}
	return " " + strings.Join(w, " ") + " "
}

func itoa(n int) string { return strconv.Itoa(n) }

// missing turns "no row" into NotFound with the given words.
func missing(err error, format string, args ...any) error {
	if errors.Is(err, sql.ErrNoRows) {
		return record.Errorf(record.NotFound, format, args...)
	}
	return err
}

func splitWords(s string) []string { return strings.Fields(s) }
