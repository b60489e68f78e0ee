/**
 * The optional packages of the distributed runner, loaded when it is used.
 */
import { missingPackage } from '../../../sdk/missing-package.js'
import type { GrpcPackage } from './grpc-transport.js'

const WHO = 'a runner on another engine'
/** What installs them. */
const INSTALL = '@grpc/grpc-js@1 @bufbuild/protobuf@2'

/** Whether what a job needs is there. @throws {PipelineError} with the line that installs it. */
export async function checkPackages(): Promise<void> {
  await loadGrpc()
  try {
    await import('@bufbuild/protobuf')
  } catch (error) {
    missingPackage(WHO, INSTALL, error)
  }
}

/** gRPC. @throws {PipelineError} with the line that installs it. */
export async function loadGrpc(): Promise<GrpcPackage> {
  try {
    return await import('@grpc/grpc-js')
  } catch (error) {
    return missingPackage(WHO, INSTALL, error)
  }
}
