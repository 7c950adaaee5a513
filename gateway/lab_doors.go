// What the doors of analysers and laboratories hand on to the centre.

package gateway

import (
	"context"
	"errors"
	"time"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/gateway/astm"
	"github.com/lianzhen/lianzhen/gateway/mllp"
	"github.com/lianzhen/lianzhen/lab"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

// openLab connects the HL7 and ASTM doors with the laboratory centre.
func (s *Server) openLab() {
	if s.Lab == nil {
		return
	}
	s.Options.HL7.Accept = func(ctx context.Context, scope record.Scope, l mllp.Link, message []byte) error {
		_, err := s.Lab.Accept(ctx, scope, lab.Source{Format: lab.HL7, Body: message, Link: lab.Link{ID: l.ID, Name: l.Name, Profile: l.Profile}})
		return err
	}
	s.Options.ASTM.Accept = func(ctx context.Context, scope record.Scope, l astm.Link, message []byte) error {
		_, err := s.Lab.Accept(ctx, scope, lab.Source{Format: lab.ASTM, Body: message, Link: lab.Link{ID: l.ID, Name: l.Name, Profile: l.ProfileText}})
		var refusal *lab.Refusal
		if errors.As(err, &refusal) && refusal.Quarantine != "" {
			return nil // it is kept for a person: an analyser can mend nothing, and would stop measuring
		}
		return err
	}
	s.Options.HL7.Orders = func(ctx context.Context, scope record.Scope, _ mllp.Link, barcode string) ([]observation.Order, error) {
		return s.waiting(ctx, scope, barcode)
	}
	s.Options.ASTM.Orders = func(ctx context.Context, scope record.Scope, _ astm.Link, barcode string) ([]observation.Order, error) {
		return s.waiting(ctx, scope, barcode)
	}
}

const (
	askForAll = 500            // tubes in the answer to an analyser that asks for everything
	askSince  = 36 * time.Hour // that came so long ago
)

// waiting are the open lines of a tube, or of all that came lately.
func (s *Server) waiting(ctx context.Context, scope record.Scope, barcode string) ([]observation.Order, error) {
	if barcode == "" {
		return s.Specimens.WaitingSince(ctx, scope, s.now().Add(-askSince), askForAll)
	}
	return s.Specimens.Waiting(ctx, scope, barcode)
}

// LabLink finds a registered link with its profile of now, for lab.Options.Link.
func LabLink(book *authz.Book) func(context.Context, string) (lab.Link, error) {
	return func(ctx context.Context, id string) (lab.Link, error) {
		if !record.ValidID(id) {
			return lab.Link{}, record.Errorf(record.NotFound, "no link")
		}
		d, err := book.LinkByID(ctx, authz.DeviceID(id))
		return lab.Link{ID: id, Name: d.Name, Profile: d.Profile.YAML}, err
	}
}
