package exchange

import (
	"slices"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/imaging"
)

// maxContexts of an association (PS3.8 §9.3.2.2).
const maxContexts = 128

// plain are the transfer syntaxes that everybody can be asked to take.
var plain = []dicom.UID{dicom.ExplicitLE, dicom.ImplicitLE}

// kind of object: what a presentation context is for.
type kind struct{ class, syntax dicom.UID }

// batch is objects that one association can carry.
type batch struct {
	objects  []imaging.Located
	contexts []dimse.Proposal
}

// batches parts objects so that the contexts of each part fit an association: each class as its objects are kept, and plain.
func batches(all []imaging.Located) []batch {
	var out []batch
	now := batch{}
	seen := map[kind]bool{}
	for _, o := range all {
		more := needs(o, seen)
		if len(now.contexts)+len(more) > maxContexts {
			out = append(out, now)
			now, seen = batch{}, map[kind]bool{}
			more = needs(o, seen)
		}
		for _, p := range more {
			seen[kind{p.AbstractSyntax, p.TransferSyntaxes[0]}] = true
		}
		now.contexts = append(now.contexts, more...)
		now.objects = append(now.objects, o)
	}
	if len(now.objects) > 0 {
		out = append(out, now)
	}
	return out
}

// needs gives the contexts that an object still lacks: a context of its own for its transfer syntax, so that the peer
// cannot choose another while it takes that one, and one with the plain ones.
func needs(o imaging.Located, seen map[kind]bool) []dimse.Proposal {
	class, syntax := dicom.UID(o.SOPClass), dicom.UID(o.Syntax)
	var out []dimse.Proposal
	if !slices.Contains(plain, syntax) && !seen[kind{class, syntax}] {
		out = append(out, dimse.Proposal{AbstractSyntax: class, TransferSyntaxes: []dicom.UID{syntax}})
	}
	for _, p := range plain { // one context each, so that a peer who takes both takes objects as they are kept
		if !seen[kind{class, p}] {
			out = append(out, dimse.Proposal{AbstractSyntax: class, TransferSyntaxes: []dicom.UID{p}})
		}
	}
	return out
}

// storageContexts are what is proposed for C-GET: the device as SCU of storage, with each transfer syntax in a context of
// its own as far as there is room, so that it sends objects as it keeps them.
func storageContexts(refs []imaging.Reference, get dicom.UID) []dimse.Proposal {
	out := []dimse.Proposal{{AbstractSyntax: get, TransferSyntaxes: plain}}
	classes := classesOf(refs)
	apart := len(classes)*(len(compressed)+1) < maxContexts
	for _, c := range classes {
		roles := &dimse.Roles{SCP: true}
		out = append(out, dimse.Proposal{AbstractSyntax: c, TransferSyntaxes: plain, Roles: roles})
		switch {
		case apart:
			for _, ts := range compressed {
				out = append(out, dimse.Proposal{AbstractSyntax: c, TransferSyntaxes: []dicom.UID{ts}, Roles: roles})
			}
		case 2*len(classes) < maxContexts:
			out = append(out, dimse.Proposal{AbstractSyntax: c, TransferSyntaxes: compressed, Roles: roles})
		}
	}
	return out[:min(len(out), maxContexts)]
}

func classesOf(refs []imaging.Reference) []dicom.UID {
	if len(refs) == 0 {
		return dimse.StorageClasses
	}
	var out []dicom.UID
	for _, r := range refs {
		if !slices.Contains(out, r.SOPClass) {
			out = append(out, r.SOPClass)
		}
	}
	return out
}

// compressed are the transfer syntaxes that archives keep, besides the plain ones.
var compressed = []dicom.UID{
	dicom.JPEGLossless, dicom.JPEGLSLossless, dicom.JPEG2000, dicom.RLELossless, dicom.JPEGBaseline, dicom.DeflatedLE, dicom.ExplicitBE,
	"1.2.840.10008.1.2.4.91",  // JPEG 2000
	"1.2.840.10008.1.2.4.81",  // JPEG-LS near-lossless
	"1.2.840.10008.1.2.4.57",  // JPEG lossless, process 14
	"1.2.840.10008.1.2.4.51",  // JPEG extended
	"1.2.840.10008.1.2.4.201", // HTJ2K lossless
	"1.2.840.10008.1.2.4.202", // HTJ2K lossless RPCL
	"1.2.840.10008.1.2.4.203", // HTJ2K
	"1.2.840.10008.1.2.4.100", // MPEG-2
	"1.2.840.10008.1.2.4.102", // MPEG-4 AVC
	"1.2.840.10008.1.2.4.103", // MPEG-4 AVC, BD
}
