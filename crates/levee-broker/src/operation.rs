//! Every call of the protocol and who may make it. A call that is missing here fails a test.

#[cfg(test)]
mod tests;

/// Who may do an operation, and on what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// A tenant, on its own records. The tenant comes from the credential, never from the message.
    Data,
    /// A tenant on its own topics, or the operator on those of the tenant that the message names.
    Topics,
    /// The operator, on the node.
    Node,
}

/// A call of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "they are the calls of levee.v1, described there")]
pub enum Operation {
    Produce,
    ProduceStream,
    InitProducer,
    Read,
    ListOffsets,
    CreateTopics,
    GetTopic,
    ListTopics,
    DeleteTopic,
    UpdateTopicConfig,
    AddPartitions,
    TrimPartition,
    CreateTenant,
    GetTenant,
    ListTenants,
    DeleteTenant,
    GetStatus,
}

impl Operation {
    /// Every operation, in the order of the enum.
    pub const ALL: [Self; 17] = [
        Self::Produce,
        Self::ProduceStream,
        Self::InitProducer,
        Self::Read,
        Self::ListOffsets,
        Self::CreateTopics,
        Self::GetTopic,
        Self::ListTopics,
        Self::DeleteTopic,
        Self::UpdateTopicConfig,
        Self::AddPartitions,
        Self::TrimPartition,
        Self::CreateTenant,
        Self::GetTenant,
        Self::ListTenants,
        Self::DeleteTenant,
        Self::GetStatus,
    ];

    /// Its path, as in the `:path` of a request.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Produce => "/levee.v1.ProduceService/Produce",
            Self::ProduceStream => "/levee.v1.ProduceService/ProduceStream",
            Self::InitProducer => "/levee.v1.ProduceService/InitProducer",
            Self::Read => "/levee.v1.ReadService/Read",
            Self::ListOffsets => "/levee.v1.ReadService/ListOffsets",
            Self::CreateTopics => "/levee.v1.TopicService/CreateTopics",
            Self::GetTopic => "/levee.v1.TopicService/GetTopic",
            Self::ListTopics => "/levee.v1.TopicService/ListTopics",
            Self::DeleteTopic => "/levee.v1.TopicService/DeleteTopic",
            Self::UpdateTopicConfig => "/levee.v1.TopicService/UpdateTopicConfig",
            Self::AddPartitions => "/levee.v1.TopicService/AddPartitions",
            Self::TrimPartition => "/levee.v1.TopicService/TrimPartition",
            Self::CreateTenant => "/levee.v1.TenantService/CreateTenant",
            Self::GetTenant => "/levee.v1.TenantService/GetTenant",
            Self::ListTenants => "/levee.v1.TenantService/ListTenants",
            Self::DeleteTenant => "/levee.v1.TenantService/DeleteTenant",
            Self::GetStatus => "/levee.v1.ClusterService/GetStatus",
        }
    }

    /// Who may do it.
    #[must_use]
    pub const fn access(self) -> Access {
        match self {
            Self::Produce | Self::ProduceStream | Self::InitProducer | Self::Read | Self::ListOffsets => {
                Access::Data
            }
            Self::CreateTopics
            | Self::GetTopic
            | Self::ListTopics
            | Self::DeleteTopic
            | Self::UpdateTopicConfig
            | Self::AddPartitions
            | Self::TrimPartition => Access::Topics,
            Self::CreateTenant
            | Self::GetTenant
            | Self::ListTenants
            | Self::DeleteTenant
            | Self::GetStatus => Access::Node,
        }
    }

    /// Whether it is a stream, which lives as long as its client likes.
    #[must_use]
    pub const fn is_stream(self) -> bool {
        matches!(self, Self::ProduceStream | Self::Read)
    }

    /// The operation of a path; none for a path of another service or of nothing.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.path() == path)
    }
}
