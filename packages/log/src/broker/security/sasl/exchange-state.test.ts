import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { nextState, sessionLifetimeMs, START, type ExchangeEvent, type ExchangeState } from './exchange-state.ts'

const enabled = new Set(['PLAIN', 'SCRAM-SHA-256'])
const handshake = (mechanism: string, nowMs = 0, version = 1): ExchangeEvent => ({ kind: 'handshake', mechanism, version, nowMs })
const success = (user: string, expiresAtMs: number | undefined = 100): ExchangeEvent => ({ kind: 'success', user, expiresAtMs })

function run(...events: readonly ExchangeEvent[]): ExchangeState | 'illegal' {
  let state: ExchangeState = START
  for (const event of events) {
    const next = nextState(state, event, enabled)
    if (next === 'illegal') return next
    state = next
  }
  return state
}

function kind(state: ExchangeState | 'illegal'): string {
  return state === 'illegal' ? state : state.kind
}

void test('handshake, tokens, ready', () => {
  assert.deepEqual(run(handshake('PLAIN', 0, 0)), { kind: 'tokens', mechanism: 'PLAIN', isBare: true })
  assert.deepEqual(run(handshake('PLAIN')), { kind: 'tokens', mechanism: 'PLAIN', isBare: false })
  assert.equal(kind(run(handshake('PLAIN'), success('alice'))), 'ready')
  assert.equal(kind(run(handshake('GSSAPI'))), 'failed')
  assert.equal(kind(run(handshake('PLAIN'), { kind: 'failure' })), 'failed')
  assert.equal(kind(run(success('alice'))), 'illegal')
  assert.equal(kind(run(handshake('PLAIN'), handshake('PLAIN'))), 'illegal')
})

void test('again: the same user by the same mechanism, and not too often', () => {
  const ready = [handshake('PLAIN'), success('alice')] as const
  assert.equal(kind(run(...ready, handshake('PLAIN', 10), success('alice'))), 'ready')
  assert.equal(kind(run(...ready, handshake('PLAIN', 10), success('bob'))), 'failed')
  assert.equal(kind(run(...ready, handshake('SCRAM-SHA-256', 10), success('alice'))), 'failed')
  assert.equal(kind(run(...ready, handshake('PLAIN', 10, 0))), 'illegal', 'bare tokens are for those who cannot do better')
  assert.equal(kind(run(...ready, handshake('PLAIN', 10), success('alice'), handshake('PLAIN', 500))), 'illegal')
  assert.equal(kind(run(...ready, handshake('PLAIN', 10), success('alice'), handshake('PLAIN', 1010))), 'again')
  const endless: ExchangeEvent = { kind: 'success', user: 'alice', expiresAtMs: undefined }
  assert.equal(kind(run(handshake('PLAIN'), endless, handshake('PLAIN', 10))), 'illegal', 'where sessions have no end')
})

void test('nobody becomes ready without a success, nor somebody else afterwards', () => {
  const event = fc.oneof(
    fc
      .record({ mechanism: fc.constantFrom('PLAIN', 'SCRAM-SHA-256', 'GSSAPI'), nowMs: fc.nat(5000), version: fc.constantFrom(0, 1) })
      .map((fields): ExchangeEvent => ({ kind: 'handshake', ...fields })),
    fc.constantFrom('alice', 'bob').map((user) => success(user)),
    fc.constant<ExchangeEvent>({ kind: 'failure' }),
  )
  fc.assert(
    fc.property(fc.array(event, { maxLength: 12 }), (events) => {
      let state: ExchangeState = START
      let user: string | undefined
      for (const each of events) {
        const next = nextState(state, each, enabled)
        if (next === 'illegal') continue
        if (next.kind === 'ready') {
          assert.equal(each.kind, 'success')
          assert.equal(next.user, user ?? next.user)
          user = next.user
        }
        if (state.kind === 'failed') assert.equal(next.kind, 'failed')
        state = next
      }
    }),
  )
})

void test('a session lasts as long as the shortest limit', () => {
  assert.equal(sessionLifetimeMs(undefined, 0), undefined)
  assert.equal(sessionLifetimeMs(undefined, 5), 5)
  assert.equal(sessionLifetimeMs(7, 0), 7)
  assert.equal(sessionLifetimeMs(7, 5), 5)
  assert.equal(sessionLifetimeMs(-3, 5), 0)
})
