import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ObjectStoreError } from '../object-store/object-store.ts'
import { s3Error } from './s3-errors.ts'

function told(error: unknown): { readonly reason: string; readonly retry: boolean; readonly message: string } {
  const found = s3Error(error, 'counts')
  assert.ok(found instanceof ObjectStoreError)
  return { reason: found.reason, retry: found.retry, message: found.message }
}

void test('a missing region says what to set, and is not tried again', () => {
  const { reason, retry, message } = told(new Error('Region is missing'))
  assert.deepEqual([reason, retry], ['other', false])
  assert.match(message, /Region is missing: set checkpointing\.s3\.region, or AWS_REGION$/)
})

void test('a bucket that there is not is named; what a server says keeps its status', () => {
  const answered = (name: string, status: number, text: string): Error =>
    Object.assign(new Error(text), { name, $metadata: { httpStatusCode: status } })
  assert.match(told(answered('NoSuchBucket', 404, 'The specified bucket does not exist')).message, /there is no bucket counts/)
  const { reason, message } = told(answered('SlowDown', 503, 'Reduce your request rate'))
  assert.equal(reason, 'throttled')
  assert.match(message, /SlowDown: Reduce your request rate \(HTTP 503\)/)
})
