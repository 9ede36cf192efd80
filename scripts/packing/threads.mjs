// The job in a program of the user's own, on worker threads.
import { execute } from 'millrace'
import job from './job.ts'

await execute(job, { threads: true, parallelism: 2 })
