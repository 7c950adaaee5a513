// What this door can do (PS3.18 §8.9 and annex H): a WADL document, or the same as JSON, made from the routes themselves.

package dicomweb

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"regexp"
	"strings"

	"github.com/lianzhen/lianzhen/record"
)

const mediaWADL = "application/vnd.sun.wadl+xml"

// capable are the routes of the capabilities. They tell nothing of anybody: whoever asks is told.
func (d *Door) capable() []Route {
	gives := []string{mediaWADL, mediaPlainJSON}
	return []Route{
		{Pattern: "GET /dicomweb/{$}", Open: true, Gives: gives, Handle: d.capabilities},
		{Pattern: "OPTIONS /dicomweb/{$}", Open: true, Gives: gives, Handle: d.capabilities},
	}
}

// wadl is a W3C WADL application as far as PS3.18 annex H uses it.
type wadl struct {
	XMLName   xml.Name      `json:"-" xml:"http://wadl.dev.java.net/2009/02 application"`
	Title     string        `json:"title" xml:"doc"`
	Base      string        `json:"base" xml:"-"`
	Resources wadlResources `json:"resources" xml:"resources"`
}

type wadlResources struct {
	Base     string         `json:"-" xml:"base,attr"`
	Resource []wadlResource `json:"resource" xml:"resource"`
}

type wadlResource struct {
	Path   string       `json:"path" xml:"path,attr"`
	Param  []wadlParam  `json:"param,omitempty" xml:"param"`
	Method []wadlMethod `json:"method" xml:"method"`
}

type wadlParam struct {
	Name     string `json:"name" xml:"name,attr"`
	Style    string `json:"style" xml:"style,attr"`
	Required bool   `json:"required" xml:"required,attr"`
}

type wadlMethod struct {
	Name     string     `json:"name" xml:"name,attr"`
	Request  *wadlForms `json:"request,omitempty" xml:"request"`
	Response *wadlForms `json:"response,omitempty" xml:"response"`
}

type wadlForms struct {
	Representation []wadlForm `json:"representation" xml:"representation"`
}

type wadlForm struct {
	MediaType string `json:"mediaType" xml:"mediaType,attr"`
}

var templates = regexp.MustCompile(`\{([a-z]+)(\.\.\.)?\}`)

// describe makes the description of routes: a resource for each path, in their order.
func describe(routes []Route, base string) wadl {
	doc := wadl{Title: "Lianzhen DICOMweb", Base: base + "/", Resources: wadlResources{Base: base + "/"}}
	at := map[string]int{}
	for _, r := range routes {
		method, path, _ := strings.Cut(r.Pattern, " ")
		path, ours := strings.CutPrefix(path, "/dicomweb/")
		if !ours {
			continue
		}
		path = templates.ReplaceAllString(strings.TrimSuffix(path, "{$}"), "{$1}")
		i, known := at[path]
		if !known {
			i = len(doc.Resources.Resource)
			at[path] = i
			doc.Resources.Resource = append(doc.Resources.Resource, wadlResource{Path: path, Param: paramsOf(path)})
		}
		m := wadlMethod{Name: method, Request: formsOf(r.Takes), Response: formsOf(r.Gives)}
		doc.Resources.Resource[i].Method = append(doc.Resources.Resource[i].Method, m)
	}
	return doc
}

func paramsOf(path string) (out []wadlParam) {
	for _, m := range templates.FindAllStringSubmatch(path, -1) {
		out = append(out, wadlParam{Name: m[1], Style: "template", Required: true})
	}
	return out
}

func formsOf(media []string) *wadlForms {
	if len(media) == 0 {
		return nil
	}
	f := &wadlForms{}
	for _, m := range media {
		f.Representation = append(f.Representation, wadlForm{m})
	}
	return f
}

// capabilities answers with the description.
func (d *Door) capabilities(w http.ResponseWriter, r *http.Request, _ record.Scope) error {
	doc := describe(d.Routes(), d.base(r))
	o, ok := acceptsOf(r).choose(offer{media: mediaWADL}, offer{media: mediaPlainJSON}, offer{media: "application/xml"}, offer{media: "text/xml"})
	if !ok {
		return refuse(w, http.StatusNotAcceptable, "want Accept application/vnd.sun.wadl+xml or application/json")
	}
	var text []byte
	var err error
	if o.media == mediaPlainJSON {
		text, err = json.Marshal(map[string]any{"application": doc})
	} else if text, err = xml.MarshalIndent(doc, "", " "); err == nil {
		text = append([]byte(xml.Header), text...)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", o.media)
	w.Header().Add("Vary", "Accept")
	_, err = w.Write(text)
	return err
}
