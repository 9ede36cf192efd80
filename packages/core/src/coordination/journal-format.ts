/**
 * The journal's bytes: a row of frames, each the changes of one write.
 *
 * A frame: magic (u32), length of the payload (u32), CRC-32C of the payload (u32), CRC-32C of these twelve bytes (u32); the payload, JSON.
 * The first frame says how many follow that were written with it; the file is complete only with these.
 */
import { isUtf8 } from 'node:buffer'
import { crc32c } from '../crc32c.ts'
import type { TreeNode } from './draft.ts'

export interface JournalEntry {
  /** The last transaction that is in it. */
  readonly transactionId: number
  readonly changes: readonly (readonly [string, TreeNode | undefined])[]
}

export interface JournalHeader {
  readonly format: number
  /** Frames behind this one that belong to it. */
  readonly frames: number
}

const HEADER_BYTES = 16
/** No UTF-8 text has these bytes, so no payload looks like a frame. */
const MAGIC = 0xfe_4d_52_ff

type WireNode = [path: string, node: null] | [path: string, ...fields: (string | number | null)[]]

export const JOURNAL_FORMAT = 1

export function encodeHeader(header: JournalHeader): Uint8Array {
  return frame(header)
}

export function encodeEntry({ transactionId, changes }: JournalEntry): Uint8Array {
  return frame({ id: transactionId, changes: changes.map(([path, node]) => encodeNode(path, node)) })
}

function frame(value: unknown): Uint8Array {
  const payload = Buffer.from(JSON.stringify(value))
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + payload.length)
  bytes.writeUInt32BE(MAGIC, 0)
  bytes.writeUInt32BE(payload.length, 4)
  bytes.writeUInt32BE(crc32c(payload), 8)
  bytes.writeUInt32BE(crc32c(bytes.subarray(0, 12)), 12)
  payload.copy(bytes, HEADER_BYTES)
  return bytes
}

function encodeNode(path: string, node: TreeNode | undefined): WireNode {
  if (node === undefined) return [path, null]
  const { bytes, creationId, modificationId, version, childVersion, childCount, owner, nextSequence } = node
  const isText = isUtf8(bytes)
  const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString(isText ? 'utf8' : 'base64')
  return [
    path,
    isText ? 't' : 'b',
    content,
    creationId,
    modificationId,
    version,
    childVersion,
    childCount,
    nextSequence,
    ...(owner === undefined ? [] : [owner]),
  ]
}

export interface FrameRead {
  readonly value: unknown
  /** Where the next frame begins. */
  readonly end: number
}

/** The frame at `at`; undefined if there is none that is whole. */
export function readFrame(bytes: Buffer, at: number): FrameRead | undefined {
  if (at + HEADER_BYTES > bytes.length || bytes.readUInt32BE(at) !== MAGIC) return undefined
  if (bytes.readUInt32BE(at + 12) !== crc32c(bytes.subarray(at, at + 12))) return undefined
  const end = at + HEADER_BYTES + bytes.readUInt32BE(at + 4)
  if (end > bytes.length) return undefined
  const payload = bytes.subarray(at + HEADER_BYTES, end)
  if (crc32c(payload) !== bytes.readUInt32BE(at + 8)) return undefined
  return { value: JSON.parse(payload.toString('utf8')), end }
}

/** Whether a whole frame begins anywhere behind `at`. */
export function hasFrameBehind(bytes: Buffer, at: number): boolean {
  const magic = Buffer.alloc(4)
  magic.writeUInt32BE(MAGIC)
  for (let next = bytes.indexOf(magic, at + 1); next >= 0; next = bytes.indexOf(magic, next + 1)) {
    if (readFrame(bytes, next) !== undefined) return true
  }
  return false
}

/** Undefined for what is no header. */
export function decodeHeader(value: unknown): JournalHeader | undefined {
  if (!isObject(value)) return undefined
  const { format, frames } = value
  return typeof format === 'number' && isCount(frames) ? { format, frames } : undefined
}

/** Undefined for what is no entry. */
export function decodeEntry(value: unknown): JournalEntry | undefined {
  if (!isObject(value)) return undefined
  const { id, changes } = value
  if (!isCount(id) || !Array.isArray(changes)) return undefined
  const decoded = changes.map(decodeNode)
  return decoded.every((change) => change !== undefined) ? { transactionId: id, changes: decoded } : undefined
}

function decodeNode(value: unknown): readonly [string, TreeNode | undefined] | undefined {
  if (!Array.isArray(value) || typeof value[0] !== 'string') return undefined
  const [path, kind, content, ...rest] = value as [string, ...unknown[]]
  if (value.length === 2 && kind === null) return [path, undefined]
  const owner = rest.length === 7 ? rest.pop() : undefined
  const isOwner = owner === undefined || typeof owner === 'string'
  if ((kind !== 't' && kind !== 'b') || typeof content !== 'string' || rest.length !== 6 || !rest.every(isCount) || !isOwner)
    return undefined
  const [creationId, modificationId, version, childVersion, childCount, nextSequence] = rest as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const bytes = new Uint8Array(Buffer.from(content, kind === 't' ? 'utf8' : 'base64'))
  return [path, { bytes, creationId, modificationId, version, childVersion, childCount, owner, nextSequence }]
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
