// Package measure measures a 12-lead tracing: beats, the median beat, global intervals and axes, ST at J, quality, findings. Everything is
// computed from the samples as recorded (0.05 to 150 Hz), never from a signal filtered for display. It is decision support
// and says so; what the device measured stands beside it untouched.
//
// A shape is judged only where it has a meaning. The measured beats are those of the usual shape; where a tachycardia of the ventricles comes and goes,
// those beside it. Of beats that come from the ventricles or a pacemaker there is no finding of axis, voltage, ST segment, Q or T wave, of
// a tachycardia of the ventricles and of atrial flutter no QT interval either. Where P waves do not lead to QRS complexes there are no PR
// interval and no P wave. Fibrillating ventricles have no beats: nothing is measured.
//
// A complex without a positive wave is a QS: RAmplitude is zero, QAmplitude and SAmplitude are both its depth, and so is SV1.
package measure
