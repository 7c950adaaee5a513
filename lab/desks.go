// The desks and rules that the centre stands on.

package lab

import (
	"github.com/lianzhen/lianzhen/lab/catalogue"
	"github.com/lianzhen/lianzhen/lab/quality"
	"github.com/lianzhen/lianzhen/lab/specimen"
)

// Desks are what codes mean, orders and tubes, and the controls.
type Desks struct {
	Catalogue *catalogue.Desk
	Specimens *specimen.Desk
	Quality   *quality.Desk
}

// Specimens is the desk of orders and tubes that the centre stands on.
func (c *Centre) Specimens() *specimen.Desk { return c.desks.Specimens }
