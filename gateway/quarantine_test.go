package gateway

import (
	"net/http"
	"testing"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func TestARefusedObjectCanBeLookedAtByItsInstitutionOnly(t *testing.T) {
	h := newHouse(t)
	h.user("tech", storetest.Suwu, authz.Technician)
	h.user("stranger", storetest.Dongba, authz.Technician)
	_, key := h.key(storetest.Suwu, allScopes...)
	const rubbish = "<script>alert(1)</script>"
	h.do(ask{method: http.MethodPost, path: "/api/v1/imaging/instances", body: rubbish, header: bearer(key)}).want(t, http.StatusBadRequest)
	mine, theirs := bearer(h.session("tech")), bearer(h.session("stranger"))
	list := h.do(ask{method: http.MethodGet, path: "/api/v1/imaging/quarantine", header: mine}).want(t, http.StatusOK).decode(t)
	path := "/api/v1/imaging/quarantine/" + list["objects"].([]any)[0].(map[string]any)["quarantineId"].(string)
	r := h.do(ask{method: http.MethodGet, path: path + "/file", header: mine}).want(t, http.StatusOK)
	if string(r.text) != rubbish || r.Header.Get("Content-Type") != "application/octet-stream" || r.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%q %v", r.text, r.Header)
	}
	h.do(ask{method: http.MethodGet, path: path + "/file", header: theirs}).want(t, http.StatusNotFound)
	h.do(ask{method: http.MethodPost, path: path + ":resolve", body: `{"note":"no image at all"}`, header: theirs}).want(t, http.StatusNotFound)
	h.do(ask{method: http.MethodPost, path: path + ":resolve", body: `{"note":"no image at all"}`, header: mine}).want(t, http.StatusOK)
}
