import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose'
import { signedTokenVerifier } from './token-verifier.ts'

interface Issuer {
  readonly keySet: string
  readonly token: string
}

async function issuer(kid: string, nowMs: number): Promise<Issuer> {
  const { publicKey, privateKey }: { publicKey: CryptoKey; privateKey: CryptoKey } = await generateKeyPair('ES256')
  const keys = [{ ...(await exportJWK(publicKey)), kid, alg: 'ES256' }]
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: 'ES256', kid })
    .setSubject('ann')
    .setExpirationTime(Math.floor(nowMs / 1000) + 3600)
    .sign(privateKey)
  return { keySet: JSON.stringify({ keys }), token }
}

test('a file with keys is read again for a key that is not there, some time apart, whatever becomes of the wall clock', async () => {
  let nowMs = Date.parse('2026-06-01T12:00:00Z')
  let elapsedMs = 0
  const [first, second] = [await issuer('first', nowMs), await issuer('second', nowMs)]
  let file = first.keySet
  let reads = 0
  const read = async (): Promise<string> => {
    reads++
    return file
  }
  const clock = { now: () => nowMs, monotonic: () => elapsedMs }
  const rules = { subjectClaim: 'sub', scopeClaim: 'scope', clockSkewSeconds: 30, clock }
  const verify = signedTokenVerifier({ kind: 'file', read }, rules)
  assert.equal((await verify(first.token)).user, 'ann')
  file = second.keySet
  nowMs -= 1_800_000
  elapsedMs += 1_000
  await assert.rejects(verify(second.token))
  assert.equal(reads, 1)
  elapsedMs += 5_000
  assert.equal((await verify(second.token)).user, 'ann')
  assert.equal(reads, 2)
})
