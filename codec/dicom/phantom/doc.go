// Package phantom makes studies of people who do not exist: CT of the chest, radiographs, ultrasound loops and MR of the head
// with drawn anatomy, noise and complete headers. The same Spec always makes the same bytes.
package phantom
