/** UpdateFeatures 0 to 2: the levels of features are those of the program; asking for what is there already is fine. */
import { ERROR_CODE, type ApiRequest } from '../../../protocol/index.ts'
import { FEATURES } from '../../features.ts'
import type { ApiHandler } from '../../handler.ts'
import { CLUSTER_NAME } from '../../security/authorizer.ts'

type Update = ApiRequest<'UpdateFeatures'>['featureUpdates'][number]

/** Until then each feature has a result of its own. */
const ONE_RESULT_SINCE_VERSION = 2

export const updateFeatures: ApiHandler<'UpdateFeatures'> = {
  name: 'UpdateFeatures',
  handle({ featureUpdates }, { allows, version }) {
    if (!allows('Alter', 'Cluster', CLUSTER_NAME)) {
      return { throttleTimeMs: 0, errorCode: ERROR_CODE.CLUSTER_AUTHORIZATION_FAILED, errorMessage: 'Authorization failed.', results: [] }
    }
    const results = featureUpdates.map((update) => {
      const problem = problemOf(update)
      const errorCode = problem === undefined ? ERROR_CODE.NONE : ERROR_CODE.INVALID_UPDATE_VERSION
      return { feature: update.feature, errorCode, errorMessage: problem ?? null }
    })
    const failed = results.find(({ errorCode }) => errorCode !== ERROR_CODE.NONE)
    if (version < ONE_RESULT_SINCE_VERSION || failed === undefined)
      return { throttleTimeMs: 0, errorCode: ERROR_CODE.NONE, errorMessage: null, results }
    return { throttleTimeMs: 0, errorCode: failed.errorCode, errorMessage: failed.errorMessage, results: [] }
  },
}

function problemOf({ feature, maxVersionLevel }: Update): string | undefined {
  const found = FEATURES.find(({ name }) => name === feature)
  const where = `Invalid update version ${maxVersionLevel} for feature ${feature}`
  if (found === undefined) return `${where}. The controller does not support the given feature.`
  return found.level === maxVersionLevel ? undefined : `${where}. The controller runs it at ${found.level} and no other level.`
}
