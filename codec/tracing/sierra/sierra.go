// Package sierra reads the XML of Philips' electrocardiographs (root element restingecgdata; "Sierra" 1.03, "PhilipsECG" 1.04 and its
// successors): compressed or plain waveforms, representative beats, measurements of the recording and of its leads, and statements.
package sierra

import (
	"strings"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/xmlin"
)

// Sniff reports whether a file that begins with head is Philips' XML.
func Sniff(head []byte) bool { return xmlin.RootName(head) == "restingecgdata" }

// Read reads a file. A FormatError where it is no such XML, is hostile, or has no samples.
func Read(b []byte) (*tracing.Tracing, error) {
	d := &document{x: xmlin.New(tracing.Sierra, b), t: &tracing.Tracing{Format: tracing.Sierra, Device: tracing.Device{Manufacturer: "Philips"}}}
	if err := d.x.Expect(d.t, "restingecgdata", nil); err != nil {
		return nil, err
	}
	d.confirmed = strings.EqualFold(d.x.Attr("status"), "Confirmed")
	d.x.Children(d.root)
	d.measurements()
	return d.x.Close(d.t)
}

// document is what is known while a file is read.
type document struct {
	x *xmlin.Reader
	t *tracing.Tracing

	confirmed bool
	rate      tracing.Ratio
	size      tracing.Ratio
	filters   tracing.Filters
	channels  int
	globals   [3]map[string]string // by trust: of the report, of the analysis, of the program
	algorithm string
}

func (d *document) root(name string) {
	x := d.x
	switch name {
	case "documentinfo":
		x.Children(func(name string) {
			if name == "documentversion" {
				d.t.Version = x.Text()
			}
		})
	case "orderinfo":
		x.Children(func(name string) {
			switch name {
			case "ordernumber":
				d.t.Order = x.Text()
			case "reasonfororder":
				d.t.Indication = x.Text()
			}
		})
	case "dataacquisition":
		d.t.RecordedAt = xmlin.At(x.Attr("date"), x.Attr("time"))
		x.Children(d.acquisition)
	case "patient":
		x.Children(d.patient)
	case "measurements", "internalmeasurements":
		if v := x.Attr("custommeasurementversion"); v != "" {
			d.algorithm = v
		} else {
			d.algorithm = x.Attr("measurementversion")
		}
		x.Children(d.analysis)
	case "interpretations":
		x.Children(d.interpretations)
	case "waveforms":
		x.Children(d.waveforms)
	}
}

func (d *document) acquisition(name string) {
	x, dev, site := d.x, &d.t.Device, &d.t.Site
	switch name {
	case "machine":
		dev.Serial = x.Attr("machineid")
		if f := strings.Split(x.Attr("detaildescription"), ":"); len(f) == 3 {
			dev.Software = f[2]
		}
		dev.Model = x.Text()
	case "acquirer":
		x.Children(func(name string) {
			switch s := x.Text(); name {
			case "institutionname":
				site.Institution = s
			case "departmentname":
				site.Department = s
			case "departmentid":
				if site.Department == "" {
					site.Department = s
				}
			case "roomid", "room":
				site.Room = s
			}
		})
	case "signalcharacteristics":
		x.Children(func(name string) { d.signal(name, x.Text()) })
	}
}

func (d *document) signal(name, s string) {
	v, ok := xmlin.Number(s)
	switch name {
	case "samplingrate":
		d.rate = rate(s)
	case "resolution", "signalresolution":
		d.size = microvolts(s)
	case "hipass":
		d.filters.HighPassHz = v
	case "lowpass":
		d.filters.LowPassHz = v
	case "signalbandwidth": // "0.05-150"
		low, high, _ := strings.Cut(s, "-")
		d.filters.HighPassHz, _ = xmlin.Number(low)
		d.filters.LowPassHz, _ = xmlin.Number(high)
	case "numberchannelsvalid":
		if ok && v > 0 && v <= tracing.MaxLeads {
			d.channels = int(v)
		}
	case "signaloffset":
		if ok && v != 0 {
			d.t.Warn(tracing.Unsupported, "an offset of the signal was not applied")
		}
	}
}

func rate(s string) tracing.Ratio {
	r, ok := tracing.ParseRatio(s)
	if f := r.Float(); !ok || f < 0.1 || f > 1e6 {
		return tracing.Ratio{}
	}
	return r
}

// microvolts is a size of a sample, given in microvolts, in nanovolts.
func microvolts(s string) tracing.Ratio {
	r, ok := tracing.ParseRatio(s)
	if r = r.Mul(tracing.Whole(1000)); !ok || r.Float() <= 0 || r.Float() > 1e9 {
		return tracing.Ratio{}
	}
	return r
}

// patient reads the subject; the same elements stand at different depths in the versions.
func (d *document) patient(name string) {
	x, p := d.x, &d.t.Patient
	switch name {
	case "generalpatientdata":
		x.Children(d.patient)
	case "patientid":
		p.ID = x.Text()
	case "MRN", "mrn":
		if s := x.Text(); p.ID == "" {
			p.ID = s
		}
	case "name":
		var last, first, middle string
		x.Children(func(name string) {
			switch s := x.Text(); name {
			case "lastname":
				last = s
			case "firstname":
				first = s
			case "middlename":
				middle = s
			}
		})
		p.Name = xmlin.Name(last, first, middle)
	case "age":
		x.Children(func(name string) {
			v, ok := 0.0, false
			s := x.Text()
			if v, ok = xmlin.Number(s); !ok || v <= 0 {
				v = 0
			}
			switch name {
			case "dateofbirth":
				p.BirthDate = xmlin.BirthDate(s)
			case "years":
				p.AgeYears += v
			case "months":
				p.AgeYears += v / 12
			case "days":
				p.AgeYears += v / 365.25
			}
		})
	case "dateofbirth":
		p.BirthDate = xmlin.BirthDate(x.Text())
	case "sex":
		p.Sex = xmlin.Sex(x.Text())
	case "race":
		p.Race = x.Text()
	case "pacestatus":
		s := strings.ToLower(x.Text())
		p.Pacemaker = strings.Contains(s, "pace") && !strings.Contains(s, "not") && !strings.Contains(s, "no ")
	case "height":
		p.HeightCM = d.amount(map[string]float64{"cm": 1, "m": 100, "inch": 2.54, "in": 2.54})
	case "weight":
		p.WeightKG = d.amount(map[string]float64{"kg": 1, "g": 0.001, "lb": 0.45359237})
	}
}

// amount is a number in an element named by its unit.
func (d *document) amount(units map[string]float64) (out float64) {
	d.x.Children(func(name string) {
		if v, ok := xmlin.Number(d.x.Text()); ok && v > 0 && units[name] > 0 {
			out = v * units[name]
		}
	})
	return out
}
