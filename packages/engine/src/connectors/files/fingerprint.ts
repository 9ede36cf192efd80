import { createHash } from 'node:crypto'

/** The first bytes of a file, as a hash: grows with a young file until it covers `fingerprintBytesMax`. */
export interface Fingerprint {
  readonly bytes: number
  readonly hash: string
}

export const fingerprintBytesMax = 1_024
/** Files that are alike over fewer bytes than this, and not whole, may still be different: many logs begin with the same header. */
const conclusiveBytesMin = 256

export const emptyFingerprint: Fingerprint = { bytes: 0, hash: '' }

/** `head`: the first bytes of the content, at least `fingerprintBytesMax` where there are as many. */
export function fingerprintOf(head: Uint8Array): Fingerprint {
  const bytes = Math.min(head.length, fingerprintBytesMax)
  return bytes === 0 ? emptyFingerprint : { bytes, hash: createHash('sha256').update(head.subarray(0, bytes)).digest('hex').slice(0, 32) }
}

/** Whether content that begins with `head` may be (a later state of) the content the fingerprint was taken from. */
export function fits(fingerprint: Fingerprint, head: Uint8Array): boolean {
  return head.length >= fingerprint.bytes && fingerprintOf(head.subarray(0, fingerprint.bytes)).hash === fingerprint.hash
}

/** Whether content that begins with `head` is surely a copy of the content the fingerprint was taken from. */
export function isCopy(fingerprint: Fingerprint, head: Uint8Array): boolean {
  const isConclusive = fingerprint.bytes >= conclusiveBytesMin || (fingerprint.bytes > 0 && fingerprint.bytes === head.length)
  return isConclusive && fits(fingerprint, head)
}
