import type { StateCodec } from '../../api/state.ts'
import { cloneValue } from './clone.ts'

/** Copies a value of a state. What has a codec may be anything that it can write, so that it makes the copies as well. */
export type CloneState = (value: unknown) => unknown

export function cloneOf(codec: StateCodec<unknown> | undefined, version: number): CloneState {
  if (codec === undefined) return cloneValue
  return (value) => (typeof value === 'object' && value !== null ? codec.decode(codec.encode(value), version) : value)
}

/** Of a list state the codec is that of the elements. */
export function cloneOfList(codec: StateCodec<unknown> | undefined, version: number): CloneState {
  if (codec === undefined) return cloneValue
  const clone = cloneOf(codec, version)
  return (list) => (list as readonly unknown[] | undefined)?.map(clone)
}
