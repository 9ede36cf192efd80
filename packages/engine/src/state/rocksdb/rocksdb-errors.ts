/**
 * What the errors of RocksDB say: all of them are plain ones, with a text that begins with a word for their kind.
 *
 * 1. What the disk fails with is a `STATE_DISK_*`. A TypeError says that a file is not as it was written, which no failure of the disk does.
 */
import { messageOf } from '@millrace/core'
import { engineError } from '../../errors.ts'

/** Also inside of others: a file that cannot be read is called corrupt. */
const DISK = /IO error/
const FULL = /No space left/
const DAMAGE = /Corruption: /

/** `path`: the database's folder. */
export function rocksdbError(error: unknown, path: string): unknown {
  const problem = messageOf(error)
  if (DISK.test(problem))
    return FULL.test(problem) ? engineError('STATE_DISK_FULL', { path }, error) : engineError('STATE_DISK_FAILED', { problem }, error)
  return DAMAGE.test(problem) ? new TypeError(problem, { cause: error }) : error
}

/** @throws what it throws, named */
export function rocksdbCall<T>(path: string, call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw rocksdbError(error, path)
  }
}
