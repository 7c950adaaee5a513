// Package measure measures a 12-lead tracing: beats, the median beat, global intervals and axes, ST at J, quality, findings. Everything is
// computed from the samples as recorded (0.05 to 150 Hz), never from a signal filtered for display. It is decision support
// and says so; what the device measured stands beside it untouched.
package measure
