import assert from 'node:assert/strict'
import { test } from 'node:test'
import { engineError } from '../../errors.ts'
import { OperatorFailure } from '../../operators/failure.ts'
import { reportFailure } from '../deployment/failure-report.ts'
import { isRecoverable, jobFailure } from './job-failure.ts'

const failed = reportFailure(
  new OperatorFailure({ operator: 'count', stateId: 'count', subtask: 0, during: 'onElement', position: undefined }, new TypeError('no')),
)

test('what an operator failed on can be come to again, from a checkpoint that is kept', () => {
  const replay = (module: string | undefined, checkpoint: string | undefined): string | undefined =>
    jobFailure(failed, { module, checkpoint }).replay
  assert.equal(replay('/jobs/a.ts', '/state/chk-3'), 'millrace replay -s /state/chk-3 /jobs/a.ts --inspect-brk')
  assert.equal(replay("/it's here/a.ts", 's3://b/chk-3'), `millrace replay -s s3://b/chk-3 '/it'\\''s here/a.ts' --inspect-brk`)
  assert.equal(replay(undefined, '/state/chk-3'), undefined)
  assert.equal(replay('/jobs/a.ts', undefined), undefined)
  const machine = reportFailure(engineError('WORKER_OUT_OF_MEMORY'))
  assert.equal(jobFailure(machine, { module: '/jobs/a.ts', checkpoint: '/state/chk-3' }).replay, undefined)
})

test('a failure is worth a restart unless it is final, or the job is wrong before it runs', () => {
  assert.equal(isRecoverable(failed), true)
  assert.equal(isRecoverable(reportFailure(engineError('FILE_SINK_LOST'))), false)
  assert.equal(isRecoverable(reportFailure(engineError('JOB_MODULE_NO_JOB'))), false)
})
