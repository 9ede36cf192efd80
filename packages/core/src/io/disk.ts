/**
 * A file system as protocol code sees it. Paths are absolute or relative to the process, with `/`.
 *
 * Does not promise, before the matching sync:
 * - that written bytes survive a crash (they may be lost, torn, or arrive out of order) until `FileHandle.sync` resolves;
 * - that a created, renamed or removed name survives a crash until `syncDirectory` of its folder resolves.
 * Every method may reject with a `DiskError`; a failed `sync` means the bytes may be lost even if a later sync succeeds.
 */
export interface Disk {
  open(path: string, mode: OpenMode): Promise<FileHandle>
  /** The whole file. */
  readFile(path: string): Promise<Uint8Array<ArrayBuffer>>
  /** Names in a folder, sorted, without `.` and `..`. */
  list(path: string): Promise<readonly string[]>
  stat(path: string): Promise<FileStat>
  /** Creates the folder and its missing parents; fine if it is there. Not durable before `syncDirectory` of each parent. */
  makeDirectory(path: string): Promise<void>
  /** Replaces `to` atomically, on the same file system. */
  rename(from: string, to: string): Promise<void>
  /** Gives a file another name as well, which must not exist. Rejects with `other` or `not-permitted` on another file system, or on one where files have one name. */
  link(from: string, to: string): Promise<void>
  /** Removes a file; rejects with `not-found` if there is none. */
  remove(path: string): Promise<void>
  /** Removes a folder and all in it; fine if there is none. */
  removeTree(path: string): Promise<void>
  /** Makes creations, renames and removals in this folder durable. */
  syncDirectory(path: string): Promise<void>
}

/**
 * - `read`: must exist.
 * - `write`: created or truncated, written by position.
 * - `create`: must not exist, else `exists`.
 * - `update`: read and write, created if missing, kept if there.
 * - `append`: created if missing, written at its end.
 */
export type OpenMode = 'read' | 'write' | 'create' | 'update' | 'append'

/** An open file. Positions and lengths are bytes. */
export interface FileHandle {
  /** Reads up to `into.length` bytes from `position`; 0 at or past the end. May read fewer than asked. */
  read(into: Uint8Array, position: number): Promise<number>
  /** Writes all of `bytes` at `position` (ignored in `append` mode). A rejection may leave a part of it written. */
  write(bytes: Uint8Array, position: number): Promise<void>
  /** Writes all chunks one after the other from `position` (ignored in `append` mode). */
  writeAll(chunks: readonly Uint8Array[], position: number): Promise<void>
  truncate(length: number): Promise<void>
  /** Makes the bytes (and the length) durable. */
  sync(): Promise<void>
  stat(): Promise<FileStat>
  close(): Promise<void>
}

/** What is known of a file, `size` in bytes. */
export interface FileStat {
  /** To open a `pipe` waits until somebody has it open for writing, which may be never. */
  readonly kind: 'file' | 'directory' | 'pipe' | 'other'
  readonly size: number
  /** Identifies the file whatever its name; may be reused after removal. */
  readonly inode: string
  /** Last change of the content, whole milliseconds since 1970. */
  readonly modifiedMs: number
  /** When it was made, whole milliseconds since 1970, where the file system says so: a file with the inode of one that was removed is a younger one. */
  readonly bornMs?: number
}

/** Why an operation failed, whatever the system calls it. */
export type DiskErrorReason =
  | 'not-found'
  | 'exists'
  | 'no-space'
  | 'not-permitted'
  | 'not-a-directory'
  | 'is-a-directory'
  | 'too-many-open'
  | 'input-output'
  | 'other'

/** A failed disk operation. The system's own error is the `cause`. */
export class DiskError extends Error {
  override readonly name = 'DiskError'
  readonly reason: DiskErrorReason
  readonly path: string

  constructor(reason: DiskErrorReason, operation: string, path: string, cause?: unknown) {
    super(`${operation} ${path}: ${reason}${cause instanceof Error ? ` (${cause.message})` : ''}`, { cause })
    this.reason = reason
    this.path = path
  }
}
