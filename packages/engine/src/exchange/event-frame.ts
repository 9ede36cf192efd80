import { FRAME_EVENT, KIND } from '../codec/columns/frame.ts'
import { decodeValue, encodeValue } from '../codec/value.ts'
import type { ChannelEvent } from './elements.ts'

/** A word with the kind of the frame, then the event in the value format. */
const HEADER_BYTES = 8

export function encodeEvent(event: ChannelEvent): Uint8Array {
  const body = encodeValue(event)
  const frame = new Uint8Array(HEADER_BYTES + body.length)
  new Int32Array(frame.buffer, 0, 2)[KIND] = FRAME_EVENT
  frame.set(body, HEADER_BYTES)
  return frame
}

/** @throws VALUE_CORRUPT */
export function decodeEvent(frame: Uint8Array): ChannelEvent {
  return decodeValue(frame.subarray(HEADER_BYTES)) as ChannelEvent
}

/** What kind of frame this is: records or an event. */
export function frameKind(frame: Uint8Array): number {
  return frame.length < 4 ? -1 : frame[0]! | (frame[1]! << 8) | (frame[2]! << 16) | (frame[3]! << 24)
}
