package gateway

import (
	"net/http"
	"strings"
	"testing"

	"github.com/lianzhen/lianzhen/store/storetest"
)

func TestNamesAreSearchedInTheBodyAndNeverInAURL(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	for _, q := range []string{"patient_name=%E7%8E%8B", "patientName=x", "local_patient_number=1"} {
		r := h.do(ask{method: http.MethodGet, path: "/api/v1/imaging/studies?" + q, header: bearer(key)}).want(t, http.StatusBadRequest)
		if !strings.Contains(string(r.text), "does not belong into a URL") {
			t.Errorf("%s: %s", q, r.text)
		}
	}
	h.do(ask{method: http.MethodPost, path: "/api/v1/imaging/studies:search", body: `{"patientName":"王"}`, header: bearer(key)}).want(t, http.StatusOK)
	h.do(ask{method: http.MethodGet, path: "/api/v1/imaging/studies?page_size=3", header: bearer(key)}).want(t, http.StatusOK)
}
