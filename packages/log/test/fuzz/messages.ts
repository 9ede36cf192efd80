/** Messages of every API and version, made of their declarations, and real frames of the clients of Kafka. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SeededRandom } from '@millrace/testkit'
import * as declarations from '../../src/protocol/apis/index.ts'
import { APIS, encodeRequest, encodeResponse, type ApiName } from '../../src/protocol/index.ts'
import { includesVersion, type ApiDeclaration, type Field, type Fields, type PrimitiveType } from '../../src/protocol/declaration.ts'

/** A frame without its length. */
export interface Frame {
  readonly direction: 'request' | 'response'
  readonly api: ApiName
  readonly version: number
  readonly bytes: Uint8Array
}

const table: { readonly [N in ApiName]: ApiDeclaration } = declarations

function primitive(type: PrimitiveType, random: SeededRandom): unknown {
  if (type === 'bool') return random.chance(0.5)
  if (type === 'string') return 'abcdefghijklmnopqrstuvwxyz'.slice(0, random.between(0, 20))
  if (type === 'uuid') return random.bytes(16)
  if (type === 'bytes' || type === 'records') return random.bytes(random.between(0, 30))
  return random.between(0, 100)
}

function value(field: Field, version: number, random: SeededRandom): unknown {
  if (typeof field === 'string') return primitive(field, random)
  const isNullable = field.nullable !== undefined && includesVersion(field.nullable, version)
  if (isNullable && random.chance(0.2)) return null
  if (field.type === 'struct') return message(field.fields, version, random)
  if (field.type !== 'array') return primitive(field.type, random)
  const { of } = field
  const element = (): unknown => (typeof of === 'string' ? primitive(of, random) : message(of, version, random))
  return Array.from({ length: random.between(0, 2) }, element)
}

function message(fields: Fields, version: number, random: SeededRandom): Record<string, unknown> {
  const present = Object.entries(fields).filter(([, field]) => typeof field === 'string' || includesVersion(field.versions, version))
  return Object.fromEntries(present.map(([name, field]) => [name, value(field, version, random)]))
}

function withoutLength(chunks: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(chunks).subarray(4)
}

export function madeFrames(random: SeededRandom): readonly Frame[] {
  const frames: Frame[] = []
  for (const { name: api, minVersion, maxVersion } of APIS) {
    for (let version = minVersion; version <= maxVersion; version++) {
      const request = message(table[api].request, version, random) as never
      const response = message(table[api].response, version, random) as never
      const sent = withoutLength(encodeRequest(api, version, { correlationId: 1, clientId: 'fuzz' }, request))
      frames.push({ direction: 'request', api, version, bytes: sent })
      frames.push({ direction: 'response', api, version, bytes: withoutLength(encodeResponse(api, version, 1, response)) })
    }
  }
  return frames
}

/** What the clients of the matrix have said and heard; `npm run clients -- --capture` writes it. */
export function capturedFrames(): readonly Frame[] {
  const lines = readFileSync(join(import.meta.dirname, 'corpus.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
  return lines.map((line) => {
    const { direction, api, version, frame } = JSON.parse(line) as Omit<Frame, 'bytes'> & { readonly frame: string }
    return { direction, api, version, bytes: Buffer.from(frame, 'base64') }
  })
}
