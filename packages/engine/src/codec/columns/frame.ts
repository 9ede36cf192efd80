/**
 * A frame: the bytes of one batch of records, complete in itself but for the shapes that earlier frames of the channel defined.
 *
 *   header       `HEADER_BYTES`: words of 32 bits by the places below, and the base of the time stamps
 *   definitions  value format: [id, definition] of each shape that is new
 *   runs         pairs of words: shape id, number of records in a row that have it
 *   timestamps   as the flags say: none, float64 each, or int32 each to be added to the base
 *   hashes       int32 each, if the flags say so
 *   columns      of each shape in the frame, in the order of their first runs: every column of its rows
 *   values       value format, one behind the other, in the order of the records and of their fields
 *   text         all texts, in that order, one or two bytes a unit
 *
 * Every section begins at a multiple of 8; numbers are little-endian.
 */
export const FRAME_RECORDS = 1
/** A frame of a channel that carries an event, not records. */
export const FRAME_EVENT = 2

/** Places of the header's words. The first, the kind of the frame, is common to all frames of a channel. */
export const KIND = 0
export const TOTAL_BYTES = 1
export const COUNT = 2
export const FLAGS = 3
export const DEFINITION_BYTES = 4
export const RUNS = 5
export const VALUE_BYTES = 6
export const TEXT_UNITS = 7
/** Place among 64-bit numbers. */
export const TIMESTAMP_BASE = 4
export const HEADER_BYTES = 40

export const FLAG_TIMESTAMPS_FLOAT64 = 1
export const FLAG_TIMESTAMPS_INT32 = 2
export const FLAG_HASHES = 4
export const FLAG_WIDE_TEXT = 8

/** Records of a frame, at most. */
export const FRAME_RECORDS_MAX = 65_536

export function aligned(length: number): number {
  return (length + 7) & ~7
}

/** The time stamp of a record that has none. */
export const NO_TIMESTAMP: number = -(2 ** 53)
