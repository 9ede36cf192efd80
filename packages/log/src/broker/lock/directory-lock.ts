/**
 * Keeps a second broker from a log directory, by the operating system's lock of one file in it.
 *
 * 1. The lock goes with its process, however that ends; across containers on one machine too.
 * 2. It is taken on `.lock`, where Apache Kafka takes its own: neither opens a directory that the other has.
 *
 * Node has no locks of files itself. SQLite has: an exclusive transaction on the file, in which nothing is written.
 */
import { access, constants } from 'node:fs/promises'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { nodeDisk } from '@millrace/core'
import { logError } from '../../errors.ts'
import { directoryProblem } from '../start-problems.ts'
import { holderOf } from './lock-holder.ts'

export type ReleaseLock = () => void

const FILE_NAME = '.lock'
const SQLITE_BUSY = 5

/** Makes the directory if it is missing. @throws BROKER_DIRECTORY_LOCKED while another broker has it; BROKER_DIRECTORY_UNUSABLE */
export async function lockDirectory(path: string): Promise<ReleaseLock> {
  const database = await openFile(path)
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (cause) {
    database.close()
    if (cause instanceof Error && 'errcode' in cause && cause.errcode === SQLITE_BUSY) {
      throw logError('BROKER_DIRECTORY_LOCKED', { path, holder: await holderOf(join(path, FILE_NAME)) })
    }
    throw logError('STORAGE_CORRUPT', { path: join(path, FILE_NAME), problem: 'it cannot be locked' }, cause)
  }
  return () => database.close()
}

async function openFile(path: string): Promise<DatabaseSync> {
  const { DatabaseSync } = await import('node:sqlite')
  try {
    await nodeDisk.makeDirectory(path)
    await access(path, constants.W_OK)
    return new DatabaseSync(join(path, FILE_NAME), { timeout: 0 })
  } catch (error) {
    throw directoryProblem(error, path)
  }
}
