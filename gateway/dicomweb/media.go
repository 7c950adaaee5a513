// Media types of objects and of their pixels (PS3.18 §8.7.3).

package dicomweb

import (
	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/raster"
)

const (
	mediaDICOM     = "application/dicom"
	mediaJSON      = "application/dicom+json"
	mediaPlainJSON = "application/json"
	mediaXML       = "application/dicom+xml"
	mediaOctets    = "application/octet-stream"
	mediaZip       = "application/zip"
	mediaPDF       = "application/pdf"
	mediaJPEG      = "image/jpeg"
	mediaPNG       = "image/png"
)

// pixelMedia are the media types of compressed frames by transfer syntax (PS3.18 tables 8.7.3-2 to 8.7.3-5).
var pixelMedia = map[dicom.UID]string{
	dicom.JPEGBaseline:        mediaJPEG,
	raster.JPEGExtended:       mediaJPEG,
	raster.JPEGLossless14:     mediaJPEG,
	dicom.JPEGLossless:        mediaJPEG,
	dicom.RLELossless:         "image/dicom-rle",
	dicom.JPEGLSLossless:      "image/jls",
	raster.JPEGLSNear:         "image/jls",
	dicom.JPEG2000:            "image/jp2",
	"1.2.840.10008.1.2.4.91":  "image/jp2",
	"1.2.840.10008.1.2.4.92":  "image/jpx",
	"1.2.840.10008.1.2.4.93":  "image/jpx",
	"1.2.840.10008.1.2.4.201": "image/jphc",
	"1.2.840.10008.1.2.4.202": "image/jphc",
	"1.2.840.10008.1.2.4.203": "image/jphc",
	"1.2.840.10008.1.2.4.110": "image/jxl",
	"1.2.840.10008.1.2.4.111": "image/jxl",
	"1.2.840.10008.1.2.4.112": "image/jxl",
	"1.2.840.10008.1.2.4.100": "video/mpeg2",
	"1.2.840.10008.1.2.4.101": "video/mpeg2",
	"1.2.840.10008.1.2.4.102": "video/mp4",
	"1.2.840.10008.1.2.4.103": "video/mp4",
	"1.2.840.10008.1.2.4.104": "video/mp4",
	"1.2.840.10008.1.2.4.105": "video/mp4",
	"1.2.840.10008.1.2.4.106": "video/mp4",
	"1.2.840.10008.1.2.4.107": "video/H265",
	"1.2.840.10008.1.2.4.108": "video/H265",
}

// defaultSyntax is meant by an image media type without a transfer syntax (PS3.18 table 8.7.3-3), as far as we make it.
var defaultSyntax = map[string]dicom.UID{
	mediaJPEG:           dicom.JPEGLossless,
	"image/dicom-rle":   dicom.RLELossless,
	"image/x-dicom-rle": dicom.RLELossless,
	"image/jls":         dicom.JPEGLSLossless,
}

// mediaOf is the media type of frames in a transfer syntax.
func mediaOf(syntax dicom.UID) string {
	if m, ok := pixelMedia[syntax]; ok {
		return m
	}
	return mediaOctets
}
