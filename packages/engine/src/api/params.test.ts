import assert from 'node:assert/strict'
import { test } from 'node:test'
import { discard } from '../connectors/discard.ts'
import { buildJob } from './build-job.ts'
import { defineJob } from './job.ts'
import { parseParams } from './params.ts'

let seen: unknown
const job = defineJob('params', { params: { limit: 100, region: 'eu', strict: false } }, (env, params) => {
  seen = params
  env.fromCollection([1]).sinkTo(discard())
})

test('defaults, overridden by what is given, frozen, and in the graph', () => {
  const { graph } = buildJob(job, { params: { limit: 5 } })
  assert.deepEqual(seen, { limit: 5, region: 'eu', strict: false })
  assert.deepEqual(graph.params, seen)
  assert.ok(Object.isFrozen(seen))
  buildJob(job, { params: { region: undefined } as never })
  assert.deepEqual(seen, { limit: 100, region: 'eu', strict: false })
})

test('a wrong name or type is an error that says what is right', () => {
  const wrong =
    (params: object): (() => unknown) =>
    () =>
      buildJob(job, { params })
  assert.throws(wrong({ limits: 5 }), { code: 'PARAM_UNKNOWN', message: /no parameter "limits"; did you mean "limit"\?/ })
  assert.throws(wrong({ zzzzzzzzzz: 5 }), { code: 'PARAM_UNKNOWN', message: /no parameter "zzzzzzzzzz" \[/ })
  assert.throws(wrong({ toString: 'x' }), { code: 'PARAM_UNKNOWN' })
  assert.throws(wrong({ limit: '5' }), { code: 'PARAM_INVALID', message: /"limit" of job params must be a finite number, and is '5'/ })
  assert.throws(wrong({ limit: Number.NaN }), { code: 'PARAM_INVALID' })
  assert.throws(wrong({ strict: 'true' }), { code: 'PARAM_INVALID', message: /must be true or false/ })
  assert.throws(() => defineJob('x', { params: { list: [] as never } }, () => {}), { code: 'PARAM_INVALID' })
  assert.throws(() => defineJob('x', { params: { 'a b': 1 } }, () => {}), { code: 'PARAM_INVALID' })
})

test('text from a command line takes the types of the defaults', () => {
  assert.deepEqual(parseParams(job, { limit: '2.5', region: '5', strict: 'true' }), { limit: 2.5, region: '5', strict: true })
  for (const [name, text] of [
    ['limit', ''],
    ['limit', 'many'],
    ['limit', 'Infinity'],
    ['strict', 'yes'],
    ['strict', '1'],
  ] as const) {
    assert.throws(() => parseParams(job, { [name]: text }), { code: 'PARAM_INVALID' }, `${name}=${text}`)
  }
  assert.throws(() => parseParams(job, { regio: 'eu' }), { code: 'PARAM_UNKNOWN', message: /"region"/ })
})
