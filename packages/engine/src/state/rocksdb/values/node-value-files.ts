/**
 * Files with values on the local disk: an edge. They are read and appended to on the calling thread, as RocksDB does with its own, or read on one of Node's pool.
 *
 * 1. What the disk fails with is a `STATE_DISK_*`. A TypeError says that a file is not as it was written, which no failure of the disk does.
 */
import { close, closeSync, fstatSync, mkdirSync, openSync, read, readSync, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import type { Disk } from '@millrace/core'
import type { StoredFile } from '../ordered-store.ts'
import { stateCallNow, stateSystemError, withStateDiskErrors } from '../state-disk-errors.ts'
import { endsBefore, type ValueFile, type ValueFiles } from './value-files.ts'

/** What one call of the system takes. */
const BYTES_A_CALL_MAX = 1 << 30

const closeFile = promisify(close)

export class NodeValueFiles implements ValueFiles {
  readonly #disk: Disk
  readonly #folder: string
  readonly #open: Set<NodeValueFile> = new Set()

  /** `folder`: for these files alone. */
  constructor(disk: Disk, folder: string) {
    this.#disk = disk
    this.#folder = folder
  }

  create(name: string): ValueFile {
    stateCallNow('create folder', this.#folder, () => mkdirSync(this.#folder, { recursive: true }))
    return this.#add(name, 'wx+')
  }

  async restore(file: StoredFile): Promise<ValueFile> {
    await withStateDiskErrors(() => this.#disk.makeDirectory(this.#folder))
    // What the storage of checkpoints says is told as it is.
    if ((await file.link?.(`${this.#folder}/${file.name}`)) === true) return this.#add(file.name, 'r')
    const written = this.#add(file.name, 'wx+')
    for await (const chunk of file.read()) written.appendNow(chunk)
    return written
  }

  async removeAll(): Promise<void> {
    for (const file of this.#open) stateCallNow('close', file.path, () => closeSync(file.letGo()))
    this.#open.clear()
    await withStateDiskErrors(() => this.#disk.removeTree(this.#folder))
  }

  #add(name: string, flags: 'r' | 'wx+'): NodeValueFile {
    const path = `${this.#folder}/${name}`
    const fd = stateCallNow('open', path, () => openSync(path, flags))
    const file = new NodeValueFile(name, path, fd, async () => {
      this.#open.delete(file)
      await closeFile(file.letGo()).catch((error: unknown) => Promise.reject(stateSystemError('close', path, error)))
      await withStateDiskErrors(() => this.#disk.remove(path))
    })
    this.#open.add(file)
    return file
  }
}

class NodeValueFile implements ValueFile {
  readonly name: string
  readonly path: string
  readonly remove: () => Promise<void>
  #openFd: number | undefined
  length: number

  constructor(name: string, path: string, fd: number, remove: () => Promise<void>) {
    this.name = name
    this.path = path
    this.#openFd = fd
    this.remove = remove
    this.length = stateCallNow('stat', path, () => fstatSync(fd).size)
  }

  /** It is used no more: the system gives its number to the next file that is opened. Answers it. */
  letGo(): number {
    const fd = this.#fd
    this.#openFd = undefined
    return fd
  }

  get #fd(): number {
    if (this.#openFd === undefined) throw new Error(`the file ${this.name} is closed`)
    return this.#openFd
  }

  appendNow(bytes: Uint8Array): void {
    // At its place, so that what an attempt has left that did not succeed is overwritten.
    const fd = this.#fd
    stateCallNow('write', this.path, () => {
      for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done, lengthOfCall(bytes, done), this.length + done)
    })
    this.length += bytes.length
  }

  readNow(into: Uint8Array, position: number): void {
    const fd = this.#fd
    for (let done = 0; done < into.length;) {
      const count = stateCallNow('read', this.path, () => readSync(fd, into, done, lengthOfCall(into, done), position + done))
      if (count === 0) throw endsBefore(this.name, position + into.length, position + done)
      done += count
    }
  }

  read(into: Uint8Array, position: number): Promise<void> {
    return new Promise((resolve, reject) => this.#read(into, 0, position, resolve, reject))
  }

  #read(into: Uint8Array, done: number, position: number, resolve: () => void, reject: (error: unknown) => void): void {
    read(this.#fd, into, done, lengthOfCall(into, done), position + done, (error, count) => {
      if (error !== null) reject(stateSystemError('read', this.path, error))
      else if (done + count === into.length) resolve()
      else if (count === 0) reject(endsBefore(this.name, position + into.length, position + done))
      else this.#read(into, done + count, position, resolve, reject)
    })
  }
}

function lengthOfCall(bytes: Uint8Array, done: number): number {
  return Math.min(BYTES_A_CALL_MAX, bytes.length - done)
}
