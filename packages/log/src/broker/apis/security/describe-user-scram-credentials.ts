/** DescribeUserScramCredentials 0: which credentials are stored, not the credentials. Needs Describe on the cluster. */
import { ERROR_CODE, type ApiResponseToSend } from '../../../protocol/index.ts'
import type { ApiHandler } from '../../handler.ts'
import { CLUSTER_NAME } from '../../security/authorizer.ts'
import { countsOf } from '../distinct.ts'
import { SCRAM_NAMES } from '../../security/sasl/scram-credential.ts'
import type { ScramCredentials } from '../../security/sasl/scram-store.ts'
import { SCRAM_CODE } from './scram-mechanisms.ts'

type Result = ApiResponseToSend<'DescribeUserScramCredentials'>['results'][number]

export const describeUserScramCredentials: ApiHandler<'DescribeUserScramCredentials'> = {
  name: 'DescribeUserScramCredentials',
  handle({ users }, { broker, allows }) {
    if (!allows('Describe', 'Cluster', CLUSTER_NAME)) {
      return { throttleTimeMs: 0, errorCode: ERROR_CODE.CLUSTER_AUTHORIZATION_FAILED, errorMessage: null, results: [] }
    }
    const { credentials } = broker.security
    const names = users === null || users.length === 0 ? credentials.users() : users.map(({ name }) => name)
    const counts = countsOf(names, (name) => name)
    const results = [...counts].map(([name, count]) => describe(name, count > 1, credentials))
    return { throttleTimeMs: 0, errorCode: ERROR_CODE.NONE, errorMessage: null, results }
  },
}

function describe(user: string, isRepeated: boolean, credentials: ScramCredentials): Result {
  if (isRepeated) {
    const errorMessage = `Cannot describe SCRAM credentials for the same user twice in a single request: ${user}`
    return { user, errorCode: ERROR_CODE.DUPLICATE_RESOURCE, errorMessage, credentialInfos: [] }
  }
  const credentialInfos = SCRAM_NAMES.flatMap((name) => {
    const credential = credentials.stored(user, name)
    return credential === undefined ? [] : [{ mechanism: SCRAM_CODE[name], iterations: credential.iterations }]
  })
  if (credentialInfos.length > 0) return { user, errorCode: ERROR_CODE.NONE, errorMessage: null, credentialInfos }
  const errorMessage = `Attempt to describe a user credential that does not exist: ${user}`
  return { user, errorCode: ERROR_CODE.RESOURCE_NOT_FOUND, errorMessage, credentialInfos }
}
