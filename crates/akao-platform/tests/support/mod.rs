//! What tests of the platform put where a part of the program is not needed.

use akao_contract::Tenant;
use akao_platform::{CompiledNode, Error, MadeNode, NodeMaker, NodeOrder, TenantFiles};
use akao_step::BoxFuture;

/// Makes no custom nodes.
pub(crate) struct NoNodes;

impl NodeMaker for NoNodes {
    fn compile<'a>(&'a self, _: &'a Tenant, _: &'a NodeOrder) -> BoxFuture<'a, Result<CompiledNode, Error>> {
        Box::pin(async { Err(Error::invalid("nodes are not made here")) })
    }

    fn keep(&self, _: &Tenant, _: &NodeOrder, _: &MadeNode) -> Result<(), Error> {
        Err(Error::invalid("nodes are not made here"))
    }

    fn discard(&self, _: &str) -> Result<(), Error> {
        Err(Error::invalid("nodes are not made here"))
    }

    fn withdraw(&self, _: &Tenant, _: &str) -> Result<(), Error> {
        Err(Error::invalid("nodes are not made here"))
    }

    fn grant(&self, _: &Tenant, _: &str, _: &[String]) -> Result<(), Error> {
        Err(Error::invalid("nodes are not made here"))
    }
}

/// Keeps no files of tenants.
pub(crate) struct NoFiles;

impl TenantFiles for NoFiles {
    fn remove(&self, _: &Tenant, _: &[String]) -> Result<(), Error> {
        Ok(())
    }
}
