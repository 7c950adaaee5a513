// Statements that run often are compiled once: with SQLite the compiling of short statements costs as much as their work.

package store

import (
	"context"
	"database/sql"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// statementsKept bounds the compiled statements of one pool. Their texts come from the program: what varies in them is the
// number of rows or arguments.
const statementsKept = 512

// statements are the compiled statements of one pool of connections. A text is compiled when it has been asked for once: in
// the background, since the only connection of the writer is in use while somebody asks.
type statements struct {
	pool *sql.DB
	todo chan string
	done chan struct{}

	mu   sync.RWMutex
	of   map[string]*sql.Stmt // nil while it is being compiled
	full bool
}

// newStatements starts the compiling; a nil *statements compiles nothing.
func newStatements(ctx context.Context, pool *sql.DB) *statements {
	s := &statements{pool: pool, todo: make(chan string, statementsKept), done: make(chan struct{}), of: map[string]*sql.Stmt{}}
	go s.run(ctx)
	return s
}

// get gives the compiled form, nil while there is none.
func (s *statements) get(text string) *sql.Stmt {
	if s == nil {
		return nil
	}
	s.mu.RLock()
	st, asked := s.of[text]
	full := s.full
	s.mu.RUnlock()
	if !asked && !full {
		s.want(text)
	}
	return st
}

func (s *statements) want(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, asked := s.of[text]; asked || s.full {
		return
	}
	select {
	case s.todo <- text:
		s.of[text] = nil
		s.full = len(s.of) >= statementsKept
	default: // it will be asked for again
	}
}

func (s *statements) run(ctx context.Context) {
	defer close(s.done)
	for {
		select {
		case <-ctx.Done():
			return
		case text := <-s.todo:
			st, err := s.pool.PrepareContext(ctx, positional(text))
			if err != nil {
				continue // who runs it is told
			}
			s.mu.Lock()
			s.of[text] = st
			s.mu.Unlock()
		}
	}
}

// close waits for the compiling and lets the statements go.
func (s *statements) close() {
	if s == nil {
		return
	}
	<-s.done
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.of {
		if st != nil {
			_ = st.Close()
		}
	}
	s.of = nil
	s.full = true
}

var parameter = regexp.MustCompile(`\$[0-9]+`)

// positional writes $1, $2, $3 as ?, ?, ? where each stands once and in its order. SQLite takes $1 for a name and looks for it in a list: the rows of a
// long INSERT cost more to bind than to write.
func positional(text string) string {
	if strings.ContainsAny(text, `'"?`) {
		return text
	}
	all := parameter.FindAllString(text, -1)
	for i, p := range all {
		if p != "$"+strconv.Itoa(i+1) {
			return text
		}
	}
	return parameter.ReplaceAllString(text, "?")
}
