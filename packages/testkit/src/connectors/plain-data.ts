import { messageOf } from '@millrace/core'
import { decodeValue, encodeValue } from '@millrace/engine/simulation'

/**
 * What a checkpoint gives back of it, in the very format that checkpoints have: what that cannot hold (functions, instances of classes) must not be found out by the first checkpoint.
 * @param what who has answered it, for the message.
 */
export function throughCheckpoint<T>(value: T, what: string): T {
  try {
    return decodeValue(encodeValue(value)) as T
  } catch (error) {
    throw new Error(`${what} must be plain data, which a checkpoint can hold: ${messageOf(error)}`, { cause: error })
  }
}
