// The routes of reading: QIDO-RS (PS3.18 §10.6), WADO-RS (§10.4) and WADO-URI (§9).

package dicomweb

import (
	"net/http"
	"strings"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/record"
)

type handler = func(w http.ResponseWriter, r *http.Request, s record.Scope) error

const (
	studyPath    = "/dicomweb/studies/{study}"
	seriesPath   = studyPath + "/series/{series}"
	instancePath = seriesPath + "/instances/{instance}"
	framesPath   = instancePath + "/frames/{frames}"
)

// reading are the routes of QIDO-RS, WADO-RS and WADO-URI.
func (d *Door) reading() []Route {
	routes := []Route{
		search("/dicomweb/studies", d.search(imaging.StudyLevel)),
		search("/dicomweb/series", d.search(imaging.SeriesLevel)),
		search("/dicomweb/instances", d.search(imaging.ImageLevel)),
		// Below a study that the caller names nobody looks for patients.
		read(studyPath+"/series", d.search(imaging.SeriesLevel)),
		read(studyPath+"/instances", d.search(imaging.ImageLevel)),
		read(seriesPath+"/instances", d.search(imaging.ImageLevel)),

		read(framesPath, d.frames),
		read(instancePath+"/bulkdata/{path...}", d.bulk),
		read("/dicomweb/wado", d.wadoURI),
		read("/wado", d.wadoURI),
		read(framesPath+"/rendered", d.rendered),
		read(framesPath+"/thumbnail", d.thumbnail),
	}
	for _, p := range []string{studyPath, seriesPath, instancePath} {
		routes = append(routes, read(p, d.retrieve), read(p+"/metadata", d.metadata), read(p+"/rendered", d.rendered),
			read(p+"/thumbnail", d.thumbnail))
	}
	return routes
}

func search(path string, h handler) Route {
	return Route{Pattern: "GET " + path, Kind: "imaging", Act: "read", Search: true, Handle: h}
}

func read(path string, h handler) Route {
	return Route{Pattern: "GET " + path, Kind: "imaging", Act: "read", Handle: func(w http.ResponseWriter, r *http.Request, s record.Scope) error {
		out := &opened{ResponseWriter: w}
		return told(out, h(out, r, s))
	}}
}

// uidsOf reads the identifiers in the address.
func uidsOf(r *http.Request) (imaging.UIDs, error) {
	var u imaging.UIDs
	for _, v := range []struct {
		name string
		to   *dicom.UID
	}{{"study", &u.Study}, {"series", &u.Series}, {"instance", &u.SOP}} {
		*v.to = dicom.UID(r.PathValue(v.name))
		if *v.to != "" && !v.to.Valid() {
			return u, record.Errorf(record.Invalid, "%s: want a UID", v.name)
		}
	}
	return u, nil
}

// base is what addresses in answers begin with: where the client has found this door.
func (d *Door) base(r *http.Request) string {
	if d.opt.PublicURL != "" {
		return strings.TrimRight(d.opt.PublicURL, "/") + "/dicomweb"
	}
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	return scheme + r.Host + "/dicomweb"
}

// address is where an instance is retrieved.
func address(base string, l *imaging.Located) string {
	return base + "/studies/" + string(l.StudyUID) + "/series/" + string(l.SeriesUID) + "/instances/" + l.SOPUID
}
