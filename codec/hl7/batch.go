// Batches (HL7 v2.5.1 2.10.3): FHS BHS {MSH ...} BTS FTS, and messages that were put into one frame without them.

package hl7

import "bytes"

// Split cuts raw into messages, each from its MSH to before the next. It cuts bytes: in every character set but UTF-16 a line end is never
// a part of a character. wrapped tells that there were batch segments.
func Split(raw []byte) (messages [][]byte, wrapped bool) {
	raw = bytes.TrimPrefix(raw, mark8)
	begin := -1
	end := func(at int) {
		if begin >= 0 {
			messages = append(messages, raw[begin:at])
		}
		begin = -1
	}
	for at := 0; at < len(raw); {
		line := raw[at:]
		if i := bytes.IndexAny(line, "\r\n"); i >= 0 {
			line = line[:i+1]
		}
		switch name := string(line[:min(len(line), 3)]); name {
		case "MSH":
			end(at)
			begin = at
		case "FHS", "BHS", "BTS", "FTS":
			wrapped = true
			end(at)
		}
		at += len(line)
	}
	end(len(raw))
	return messages, wrapped
}

// MaxBatch is how many messages one batch may have.
const MaxBatch = 1000

// ParseBatch reads one message or a batch of them. The character set is decided for each message by itself.
func ParseBatch(raw []byte, o Options) ([]*Message, error) {
	parts, wrapped := Split(raw)
	if len(parts) <= 1 && !wrapped {
		m, err := Parse(raw, o)
		if err != nil {
			return nil, err
		}
		return []*Message{m}, nil
	}
	if len(parts) == 0 || len(parts) > MaxBatch {
		return nil, formatError(0, "BHS", SegmentSequence, "want 1 to 1000 messages in a batch")
	}
	out := make([]*Message, 0, len(parts))
	for _, p := range parts {
		m, err := Parse(p, o)
		if err != nil {
			return nil, err
		}
		if !wrapped {
			m.warn("several-messages", "MSH")
		}
		out = append(out, m)
	}
	return out, nil
}
