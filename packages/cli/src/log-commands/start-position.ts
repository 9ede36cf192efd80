import { parseDuration } from '@millrace/core'
import type { OffsetSpec } from '@millrace/log/client'
import { cliError } from '../errors.ts'

/** Where to read: an offset, or what has to be looked up. */
export type Place = { readonly offset: number } | OffsetSpec

/** 'beginning', 'end', an offset, a time (ISO 8601), or a duration for so long ago. @throws CLI_ARGUMENT */
export function parsePlace(flag: string, text: string, nowMs: number): Place {
  if (text === 'beginning' || text === 'earliest') return 'earliest'
  if (text === 'end' || text === 'latest') return 'latest'
  if (/^\d+$/.test(text)) return { offset: Number(text) }
  const agoMs = /^\d+(\.\d+)?[a-z]+$/.test(text) ? parseDuration(text) : undefined
  if (agoMs !== undefined) return { timestampMs: nowMs - agoMs }
  const timestampMs = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(timestampMs)) {
    throw cliError('CLI_ARGUMENT', {
      flag,
      expected: 'be beginning, end, an offset, a time like 2026-01-31T12:00:00Z, or 10m',
      value: text,
    })
  }
  return { timestampMs }
}
