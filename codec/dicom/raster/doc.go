// Package raster turns the pixel data of DICOM objects into other pixel data and into pictures.
//
// Three things can be done with a frame, each a step of its own: Decode makes it native (little endian, colour by pixel,
// nothing compressed), Encode puts native pixels into another transfer syntax, Render shows native pixels as a picture by the
// greyscale pipeline of PS3.4 §N.2 and the rules of PS3.18 §8.3.5. Transcode does the first two for all frames of an object,
// one after the other, so that an object of any size costs the memory of a frame or two.
//
// Desc holds what the data set says of the pixels: how they are stored and how they want to be shown. Nothing here trusts a
// number it reads: geometry is bounded before memory is asked for, and codecs are told what the data set promised.
//
// JPEG 2000, High-Throughput JPEG 2000, JPEG XL and video are not decoded: they are passed on as they are, and who asks for
// a picture of them gets an *Unsupported error.
package raster
