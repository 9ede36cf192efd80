import assert from 'node:assert/strict'
import { test } from 'node:test'
import { oauthBearer, plain, scram } from './sasl.ts'

/** The client's nonce of the example in RFC 7677. */
const random = { uint32: () => 0, bytes: () => new Uint8Array(Buffer.from('rOprNGfwEbeRWgbNEkqO', 'base64')) }
const CHALLENGE = 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'

const text = (step: IteratorResult<Uint8Array, void>): string => Buffer.from(step.value as Uint8Array).toString()

void test('SCRAM-SHA-256 as in the example of RFC 7677', () => {
  const exchange = scram('sha256', 'user', 'pencil', random)
  assert.equal(text(exchange.next()), 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO')
  assert.equal(
    text(exchange.next(Buffer.from(CHALLENGE))),
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  )
  assert.equal(exchange.next(Buffer.from('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')).done, true)
})

void test('a broker that does not know the password is found out', () => {
  const exchange = scram('sha256', 'user', 'pencil', random)
  exchange.next()
  exchange.next(Buffer.from(CHALLENGE))
  assert.throws(() => exchange.next(Buffer.from(`v=${Buffer.alloc(32).toString('base64')}`)), /does not know the password/)
})

void test('a challenge that makes no sense, or too much work, is refused', () => {
  for (const challenge of [
    'r=other,s=AA==,i=4096',
    CHALLENGE.replace('4096', '1'),
    CHALLENGE.replace('4096', '100000000'),
    'e=unknown-user',
    '',
  ]) {
    const exchange = scram('sha256', 'user', 'pencil', random)
    exchange.next()
    assert.throws(() => exchange.next(Buffer.from(challenge)), Error, challenge)
  }
})

void test('names are escaped', () => {
  assert.match(text(scram('sha512', 'a=b,c', 'x', random).next()), /^n,,n=a=3Db=2Cc,/)
})

void test('PLAIN and OAUTHBEARER', () => {
  assert.equal(text(plain('u', 'p').next()), '\0u\0p')
  const exchange = oauthBearer('token', { tenant: 'a' })
  assert.equal(text(exchange.next()), 'n,,\x01auth=Bearer token\x01tenant=a\x01\x01')
  assert.equal(text(exchange.next(Buffer.from('{"status":"invalid_token"}'))), '\x01')
  assert.throws(() => exchange.next(Buffer.alloc(0)), /invalid_token/)
  const accepted = oauthBearer('token')
  accepted.next()
  assert.equal(accepted.next(Buffer.alloc(0)).done, true)
})
