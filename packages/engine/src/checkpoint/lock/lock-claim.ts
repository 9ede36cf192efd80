import { JsonFields } from '../metadata/json-fields.ts'
import type { ProcessIdentity } from './process-identity.ts'

/** Who holds, or held, an attempt of a job. */
export interface LockClaim {
  readonly jobName: string
  readonly attempt: number
  /** Wall clock, milliseconds since 1970. */
  readonly sinceMs: number
  /** It is renewed, and whoever cannot see its owner may take it over when it has not been for so long; undefined: that is not promised. */
  readonly leaseMs: number | undefined
  readonly owner: ProcessIdentity
}

const FORMAT_VERSION = 1

/** One line of JSON; the line's end is written last. */
export function encodeClaim({ jobName, attempt, sinceMs, leaseMs, owner }: LockClaim): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(`${JSON.stringify({ version: FORMAT_VERSION, jobName, attempt, sinceMs, leaseMs, ...owner })}\n`))
}

/** Undefined for what is not, or not wholly, a claim: its writer is still at it, or was killed over it. */
export function decodeClaim(bytes: Uint8Array): LockClaim | undefined {
  const text = Buffer.from(bytes).toString('utf8')
  if (!text.endsWith('}\n')) return undefined
  try {
    const fields = new JsonFields(JSON.parse(text), 'claim')
    const optional = (name: string): string | undefined => (fields.has(name) ? fields.text(name) : undefined)
    return {
      jobName: fields.text('jobName'),
      attempt: fields.integer('attempt', 1),
      sinceMs: fields.integer('sinceMs', Number.MIN_SAFE_INTEGER),
      leaseMs: fields.has('leaseMs') ? fields.integer('leaseMs', 1) : undefined,
      owner: {
        host: fields.text('host'),
        bootId: optional('bootId'),
        pidNamespace: optional('pidNamespace'),
        pid: fields.integer('pid'),
        startTicks: optional('startTicks'),
      },
    }
  } catch {
    return undefined
  }
}
