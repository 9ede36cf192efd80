import assert from 'node:assert/strict'
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { SaslServer, SaslStep } from './mechanism.ts'
import { oauthBearerMechanism } from './oauthbearer.ts'
import { plainMechanism } from './plain.ts'
import { credentialOf, type ScramCredential, type ScramName } from './scram-credential.ts'
import { readClientFinal, readClientFirst } from './scram-messages.ts'
import { scramMechanism } from './scram.ts'

const bytes = (text: string): Uint8Array => Buffer.from(text)
const text = (step: SaslStep): string => ('bytes' in step ? Buffer.from(step.bytes).toString() : `failed: ${step.reason}`)

async function plain(token: string): Promise<SaslStep> {
  const passwords = new Map([
    ['alice', 'geheim'],
    ['leer', ''],
  ])
  return await plainMechanism((user) => passwords.get(user))
    .start()
    .respond(bytes(token))
}

void test('PLAIN takes the right password of a known user alone', async () => {
  assert.deepEqual(await plain('\0alice\0geheim'), { kind: 'success', bytes: new Uint8Array(0), user: 'alice' })
  assert.equal((await plain('alice\0alice\0geheim')).kind, 'success')
  for (const wrong of [
    '\0alice\0Geheim',
    '\0bob\0geheim',
    'bob\0alice\0geheim',
    '\0alice\0',
    '\0\0geheim',
    '\0leer\0',
    'alice\0geheim',
    '\0a\0b\0c',
    '',
  ]) {
    assert.equal((await plain(wrong)).kind, 'failure', JSON.stringify(wrong))
  }
  const told = (step: SaslStep): unknown => step.kind === 'failure' && step.told
  assert.equal(told(await plain('\0alice\0x')), told(await plain('\0nobody\0x')), 'nobody learns who there is')
})

function scram(name: ScramName, credential: ScramCredential, nonce = '%hvYDpWUa2RaTCAfuxFIlj)hNlF'): SaslServer {
  return scramMechanism({
    name,
    credentialOf: async (user) => (user === 'user' || user === 'a,b=c' ? credential : undefined),
    randomBytes: () => Buffer.from(nonce, 'base64url'),
    secret: bytes('secret'),
  }).start()
}

const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')
const pencil = credentialOf('SCRAM-SHA-256', pbkdf2Sync('pencil', salt, 4096, 32, 'sha256'), salt, 4096)

/** The client of RFC 5802, written out. */
function proofOf(password: string, first: string, serverFirst: string, withoutProof: string): { proof: string; verifier: string } {
  const [, theirSalt, iterations] = /s=([^,]+),i=(\d+)/.exec(serverFirst)!
  const salted = pbkdf2Sync(password, Buffer.from(theirSalt!, 'base64'), Number(iterations), 32, 'sha256')
  const mac = (key: Uint8Array, data: string): Buffer => createHmac('sha256', key).update(data).digest()
  const clientKey = mac(salted, 'Client Key')
  const covered = `${first},${serverFirst},${withoutProof}`
  const signature = mac(createHash('sha256').update(clientKey).digest(), covered)
  const proof = Buffer.from(clientKey.map((byte, index) => byte ^ signature[index]!))
  return { proof: proof.toString('base64'), verifier: mac(mac(salted, 'Server Key'), covered).toString('base64') }
}

async function login(server: SaslServer, user: string, password: string, header = 'n,,'): Promise<SaslStep> {
  const first = `n=${user},r=rOprNGfwEbeRWgbNEkqO`
  const serverFirst = text(await server.respond(bytes(header + first)))
  const nonce = /r=([^,]+)/.exec(serverFirst)?.[1]
  const withoutProof = `c=${Buffer.from(header).toString('base64')},r=${nonce}`
  const { proof, verifier } = proofOf(password, first, serverFirst, withoutProof)
  const step = await server.respond(bytes(`${withoutProof},p=${proof}`))
  if (step.kind === 'success') assert.equal(text(step), `v=${verifier}`)
  return step
}

void test('SCRAM-SHA-256 speaks as the example of RFC 7677', async () => {
  // Its server nonce is no base64, so the messages are checked by their parts.
  const first = readClientFirst(bytes('n,,n=user,r=rOprNGfwEbeRWgbNEkqO'))
  assert.deepEqual([first?.user, first?.nonce, first?.bare], ['user', 'rOprNGfwEbeRWgbNEkqO', 'n=user,r=rOprNGfwEbeRWgbNEkqO'])
  const server = 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'
  const final = readClientFinal(
    bytes('c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ='),
  )!
  const { proof, verifier } = proofOf('pencil', first!.bare, server, final.withoutProof)
  assert.equal(proof, Buffer.from(final.proof).toString('base64'))
  assert.equal(verifier, '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')
})

void test('SCRAM takes the right password, and proves that it knows it', async () => {
  assert.equal((await login(scram('SCRAM-SHA-256', pencil), 'user', 'pencil')).kind, 'success')
  assert.equal((await login(scram('SCRAM-SHA-256', pencil), 'user', 'pencil', 'y,,')).kind, 'success')
  assert.equal((await login(scram('SCRAM-SHA-256', pencil), 'user', 'pencil', 'n,a=user,')).kind, 'success')
  const escaped = await login(scram('SCRAM-SHA-256', pencil), 'a=2Cb=3Dc', 'pencil')
  assert.equal(escaped.kind === 'success' && escaped.user, 'a,b=c')
})

void test('SCRAM refuses everything else, and tells a missing user only at the end', async () => {
  assert.equal((await login(scram('SCRAM-SHA-256', pencil), 'user', 'Pencil')).kind, 'failure')
  const missing = scram('SCRAM-SHA-256', pencil)
  const challenge = await missing.respond(bytes('n,,n=nobody,r=abc'))
  assert.match(text(challenge), /^r=abc.+,s=.+,i=4096$/)
  assert.equal((await login(scram('SCRAM-SHA-256', pencil), 'nobody', 'pencil')).kind, 'failure')
  const saltOf = async (): Promise<string> => text(await scram('SCRAM-SHA-256', pencil).respond(bytes('n,,n=nobody,r=abc')))
  assert.equal(await saltOf(), await saltOf(), 'the salt of a missing user does not change')
  for (const first of [
    'p=tls-unique,,n=user,r=abc',
    'n,a=bob,n=user,r=abc',
    'n,,n=us=er,r=abc',
    'n,,m=x,n=user,r=abc',
    'n,,n=user,r=abc,tokenauth=true',
    'n,,',
    '',
  ]) {
    assert.equal((await scram('SCRAM-SHA-256', pencil).respond(bytes(first))).kind, 'failure', first)
  }
})

void test('SCRAM refuses a final message that belongs to another exchange', async () => {
  for (const change of [
    (final: string) => final.replace('c=biws', 'c=eSws'),
    (final: string) => final.replace(/r=[^,]+/, 'r=abc'),
    (final: string) => final.replace(/,p=.*/, ''),
    (final: string) => final.replace(/,p=..../, ',p=AAAA'),
  ]) {
    const server = scram('SCRAM-SHA-256', pencil)
    const serverFirst = text(await server.respond(bytes('n,,n=user,r=abc')))
    const withoutProof = `c=biws,r=${/r=([^,]+)/.exec(serverFirst)![1]}`
    const final = `${withoutProof},p=${proofOf('pencil', 'n=user,r=abc', serverFirst, withoutProof).proof}`
    assert.equal((await server.respond(bytes(change(final)))).kind, 'failure', change(final))
  }
})

void test('OAUTHBEARER gives the token to its verifier, and asks for an acknowledgement of a refusal', async () => {
  const begin = (): SaslServer =>
    oauthBearerMechanism(async (token) => {
      if (token !== 'a.b.c') throw new Error('not this one')
      return { user: 'alice', expiresAtMs: 5 }
    }).start()
  assert.deepEqual(await begin().respond(bytes('n,,\x01auth=Bearer a.b.c\x01\x01')), {
    kind: 'success',
    bytes: new Uint8Array(0),
    user: 'alice',
    expiresAtMs: 5,
  })
  assert.equal((await begin().respond(bytes('n,a=alice,\x01traceId=5\x01auth=Bearer a.b.c\x01\x01'))).kind, 'success')
  const server = begin()
  assert.equal(text(await server.respond(bytes('n,,\x01auth=Bearer x.y.z\x01\x01'))), '{"status":"invalid_token"}')
  assert.equal((await server.respond(bytes('\x01'))).kind, 'failure')
  for (const wrong of [
    'n,,\x01auth=Basic a.b.c\x01\x01',
    'n,a=bob,\x01auth=Bearer a.b.c\x01\x01',
    'n,,\x01\x01',
    'n,,',
    '',
    'p=x,,\x01auth=Bearer a.b.c\x01\x01',
  ]) {
    assert.notEqual((await begin().respond(bytes(wrong))).kind, 'success', wrong)
  }
})

void test('no mechanism is thrown off by any bytes', async () => {
  const servers = [
    (): SaslServer => plainMechanism(() => 'x').start(),
    (): SaslServer => scram('SCRAM-SHA-256', pencil),
    (): SaslServer => oauthBearerMechanism(async () => Promise.reject(new Error('no'))).start(),
  ]
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...servers), fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 3 }), async (start, tokens) => {
      const server = start()
      for (const token of tokens) if ((await server.respond(token)).kind !== 'challenge') break
    }),
    { numRuns: 300 },
  )
})
