// How the servers of this folder are reached as storages of checkpoints.
import type { RemoteOptions } from '../../packages/engine/src/checkpoint/object-store/remote-places.ts'
import type { TestServer } from './server.ts'

/** For both of them, as environment. */
export const remoteCredentials: Readonly<Record<string, string>> = {
  AWS_ACCESS_KEY_ID: 'millrace',
  AWS_SECRET_ACCESS_KEY: 'millrace-secret',
  HADOOP_USER_NAME: 'someone',
}

export interface RemoteKind {
  readonly name: 's3' | 'hdfs'
  readonly title: string
  url(server: TestServer): string
  options(server: TestServer): RemoteOptions
  /** The same as the environment of a job. */
  environment(server: TestServer): Readonly<Record<string, string>>
}

const remote = {
  s3: { endpoint: undefined, region: undefined, pathStyle: false },
  hdfs: { webPort: undefined, user: undefined },
  requestTimeoutMs: 10_000,
}
export const s3: RemoteKind = {
  name: 's3',
  title: 'S3, versitygw',
  url: () => 's3://checkpoints/jobs',
  options: ({ port }) => ({ ...remote, s3: { endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1', pathStyle: true } }),
  environment: ({ port }) => ({
    MILLRACE_CHECKPOINTING_S3_ENDPOINT: `http://127.0.0.1:${port}`,
    MILLRACE_CHECKPOINTING_S3_REGION: 'us-east-1',
    MILLRACE_CHECKPOINTING_S3_PATH_STYLE: 'true',
  }),
}
export const hdfs: RemoteKind = {
  name: 'hdfs',
  title: 'HDFS, mini cluster',
  url: ({ port }) => `webhdfs://127.0.0.1:${port}/jobs`,
  options: () => remote,
  environment: () => ({}),
}
