//! Every call of the protocol and who may make it. A call that is missing here fails a test.

use levee_types::acl::AclOperation;

#[cfg(test)]
mod tests;

/// Who may do an operation, and on what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// A user of a tenant whose access rules allow it, on the topics of the tenant. The tenant comes from the
    /// credential, never from the message.
    Data(AclOperation),
    /// The same, or an operator on the topics of the tenant that the message names.
    Topics(AclOperation),
    /// A user of a tenant whose access rules allow it, on the groups of the tenant, or an operator on the groups of
    /// the tenant that the message names.
    Groups(AclOperation),
    /// An administrator of a tenant on what belongs to the tenant, or an operator on what belongs to the tenant
    /// that the message names.
    Administration,
    /// An operator, on the node.
    Node,
    /// Whoever has a credential, on itself.
    Caller,
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
    CommitTransaction,
    AbortTransaction,
    Consume,
    Work,
    ListGroups,
    GetGroup,
    SeekGroup,
    DeleteGroup,
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
    UpdateTenant,
    SuspendTenant,
    ResumeTenant,
    DeleteTenant,
    UndeleteTenant,
    ListUsage,
    ListTenantCounters,
    ListTopicCounters,
    ExportTenant,
    ImportTenant,
    WhoAmI,
    CreateUser,
    GetUser,
    ListUsers,
    UpdateUser,
    DeleteUser,
    IssueToken,
    ListTokens,
    RevokeToken,
    CreateAclRules,
    ListAclRules,
    DeleteAclRules,
    TestAcl,
    CreatePlan,
    GetPlan,
    ListPlans,
    UpdatePlan,
    DeletePlan,
    SetQuotas,
    GetQuotas,
    ExplainQuotas,
    ListAuditEvents,
    GetStatus,
    GetValues,
    ScanTable,
    WatchTable,
    EraseKey,
    CompactTopic,
    VerifyTopic,
    CreateBackup,
    ListBackups,
    RestoreTenant,
}

impl Operation {
    /// Every operation, in the order of the enum.
    pub const ALL: [Self; 65] = [
        Self::Produce,
        Self::ProduceStream,
        Self::InitProducer,
        Self::Read,
        Self::ListOffsets,
        Self::CommitTransaction,
        Self::AbortTransaction,
        Self::Consume,
        Self::Work,
        Self::ListGroups,
        Self::GetGroup,
        Self::SeekGroup,
        Self::DeleteGroup,
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
        Self::UpdateTenant,
        Self::SuspendTenant,
        Self::ResumeTenant,
        Self::DeleteTenant,
        Self::UndeleteTenant,
        Self::ListUsage,
        Self::ListTenantCounters,
        Self::ListTopicCounters,
        Self::ExportTenant,
        Self::ImportTenant,
        Self::WhoAmI,
        Self::CreateUser,
        Self::GetUser,
        Self::ListUsers,
        Self::UpdateUser,
        Self::DeleteUser,
        Self::IssueToken,
        Self::ListTokens,
        Self::RevokeToken,
        Self::CreateAclRules,
        Self::ListAclRules,
        Self::DeleteAclRules,
        Self::TestAcl,
        Self::CreatePlan,
        Self::GetPlan,
        Self::ListPlans,
        Self::UpdatePlan,
        Self::DeletePlan,
        Self::SetQuotas,
        Self::GetQuotas,
        Self::ExplainQuotas,
        Self::ListAuditEvents,
        Self::GetStatus,
        Self::GetValues,
        Self::ScanTable,
        Self::WatchTable,
        Self::EraseKey,
        Self::CompactTopic,
        Self::VerifyTopic,
        Self::CreateBackup,
        Self::ListBackups,
        Self::RestoreTenant,
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
            Self::CommitTransaction => "/levee.v1.TransactionService/CommitTransaction",
            Self::AbortTransaction => "/levee.v1.TransactionService/AbortTransaction",
            Self::Consume => "/levee.v1.ConsumeService/Consume",
            Self::Work => "/levee.v1.QueueService/Work",
            Self::ListGroups => "/levee.v1.GroupService/ListGroups",
            Self::GetGroup => "/levee.v1.GroupService/GetGroup",
            Self::SeekGroup => "/levee.v1.GroupService/SeekGroup",
            Self::DeleteGroup => "/levee.v1.GroupService/DeleteGroup",
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
            Self::UpdateTenant => "/levee.v1.TenantService/UpdateTenant",
            Self::SuspendTenant => "/levee.v1.TenantService/SuspendTenant",
            Self::ResumeTenant => "/levee.v1.TenantService/ResumeTenant",
            Self::DeleteTenant => "/levee.v1.TenantService/DeleteTenant",
            Self::UndeleteTenant => "/levee.v1.TenantService/UndeleteTenant",
            Self::ListUsage => "/levee.v1.TenantService/ListUsage",
            Self::ExportTenant => "/levee.v1.TransferService/ExportTenant",
            Self::ImportTenant => "/levee.v1.TransferService/ImportTenant",
            Self::ListTenantCounters => "/levee.v1.UsageService/ListTenantCounters",
            Self::ListTopicCounters => "/levee.v1.UsageService/ListTopicCounters",
            Self::WhoAmI => "/levee.v1.UserService/WhoAmI",
            Self::CreateUser => "/levee.v1.UserService/CreateUser",
            Self::GetUser => "/levee.v1.UserService/GetUser",
            Self::ListUsers => "/levee.v1.UserService/ListUsers",
            Self::UpdateUser => "/levee.v1.UserService/UpdateUser",
            Self::DeleteUser => "/levee.v1.UserService/DeleteUser",
            Self::IssueToken => "/levee.v1.UserService/IssueToken",
            Self::ListTokens => "/levee.v1.UserService/ListTokens",
            Self::RevokeToken => "/levee.v1.UserService/RevokeToken",
            Self::CreateAclRules => "/levee.v1.AclService/CreateAclRules",
            Self::ListAclRules => "/levee.v1.AclService/ListAclRules",
            Self::DeleteAclRules => "/levee.v1.AclService/DeleteAclRules",
            Self::TestAcl => "/levee.v1.AclService/TestAcl",
            Self::CreatePlan => "/levee.v1.QuotaService/CreatePlan",
            Self::GetPlan => "/levee.v1.QuotaService/GetPlan",
            Self::ListPlans => "/levee.v1.QuotaService/ListPlans",
            Self::UpdatePlan => "/levee.v1.QuotaService/UpdatePlan",
            Self::DeletePlan => "/levee.v1.QuotaService/DeletePlan",
            Self::SetQuotas => "/levee.v1.QuotaService/SetQuotas",
            Self::GetQuotas => "/levee.v1.QuotaService/GetQuotas",
            Self::ExplainQuotas => "/levee.v1.QuotaService/ExplainQuotas",
            Self::ListAuditEvents => "/levee.v1.AuditService/ListAuditEvents",
            Self::GetStatus => "/levee.v1.ClusterService/GetStatus",
            Self::GetValues => "/levee.v1.TableService/GetValues",
            Self::ScanTable => "/levee.v1.TableService/ScanTable",
            Self::WatchTable => "/levee.v1.TableService/WatchTable",
            Self::EraseKey => "/levee.v1.TableService/EraseKey",
            Self::CompactTopic => "/levee.v1.TopicService/CompactTopic",
            Self::VerifyTopic => "/levee.v1.TopicService/VerifyTopic",
            Self::CreateBackup => "/levee.v1.BackupService/CreateBackup",
            Self::ListBackups => "/levee.v1.BackupService/ListBackups",
            Self::RestoreTenant => "/levee.v1.BackupService/RestoreTenant",
        }
    }

    /// Its service and name, as they stand in the audit log.
    #[must_use]
    pub fn action(self) -> &'static str {
        self.path().trim_start_matches("/levee.v1.")
    }

    /// Who may do it.
    #[must_use]
    pub const fn access(self) -> Access {
        match self {
            Self::Produce
            | Self::ProduceStream
            | Self::InitProducer
            | Self::CommitTransaction
            | Self::AbortTransaction => Access::Data(AclOperation::Produce),
            Self::Read
            | Self::ListOffsets
            | Self::Consume
            | Self::Work
            | Self::GetValues
            | Self::ScanTable
            | Self::WatchTable => Access::Data(AclOperation::Consume),
            Self::ListGroups => Access::Groups(AclOperation::List),
            Self::GetGroup => Access::Groups(AclOperation::Describe),
            Self::SeekGroup => Access::Groups(AclOperation::Alter),
            Self::DeleteGroup => Access::Groups(AclOperation::Delete),
            Self::CreateTopics => Access::Topics(AclOperation::Create),
            Self::GetTopic | Self::ListTopicCounters | Self::VerifyTopic => {
                Access::Topics(AclOperation::Describe)
            }
            Self::ListTopics => Access::Topics(AclOperation::List),
            Self::DeleteTopic => Access::Topics(AclOperation::Delete),
            Self::UpdateTopicConfig | Self::AddPartitions | Self::CompactTopic => {
                Access::Topics(AclOperation::Alter)
            }
            Self::TrimPartition | Self::EraseKey => Access::Topics(AclOperation::Trim),
            Self::GetTenant
            | Self::ListUsage
            | Self::ListTenantCounters
            | Self::CreateUser
            | Self::GetUser
            | Self::ListUsers
            | Self::UpdateUser
            | Self::DeleteUser
            | Self::IssueToken
            | Self::ListTokens
            | Self::RevokeToken
            | Self::CreateAclRules
            | Self::ListAclRules
            | Self::DeleteAclRules
            | Self::TestAcl
            | Self::SetQuotas
            | Self::GetQuotas
            | Self::ExplainQuotas
            | Self::ListAuditEvents => Access::Administration,
            Self::CreateTenant
            | Self::ListTenants
            | Self::UpdateTenant
            | Self::SuspendTenant
            | Self::ResumeTenant
            | Self::DeleteTenant
            | Self::UndeleteTenant
            | Self::ExportTenant
            | Self::ImportTenant
            | Self::CreatePlan
            | Self::GetPlan
            | Self::ListPlans
            | Self::UpdatePlan
            | Self::DeletePlan
            | Self::GetStatus
            | Self::CreateBackup
            | Self::ListBackups
            | Self::RestoreTenant => Access::Node,
            Self::WhoAmI => Access::Caller,
        }
    }

    /// Whether it changes what is administered. Each such call counts against the quota of administration, and stands
    /// in the audit log.
    #[must_use]
    pub const fn is_change(self) -> bool {
        matches!(
            self,
            Self::CreateTopics
                | Self::DeleteTopic
                | Self::SeekGroup
                | Self::DeleteGroup
                | Self::UpdateTopicConfig
                | Self::AddPartitions
                | Self::TrimPartition
                | Self::CreateTenant
                | Self::UpdateTenant
                | Self::SuspendTenant
                | Self::ResumeTenant
                | Self::DeleteTenant
                | Self::UndeleteTenant
                | Self::ImportTenant
                | Self::CreateUser
                | Self::UpdateUser
                | Self::DeleteUser
                | Self::IssueToken
                | Self::RevokeToken
                | Self::CreateAclRules
                | Self::DeleteAclRules
                | Self::CreatePlan
                | Self::UpdatePlan
                | Self::DeletePlan
                | Self::SetQuotas
                | Self::EraseKey
                | Self::CompactTopic
                | Self::CreateBackup
                | Self::RestoreTenant
        )
    }

    /// Whether it is about what only tenants have: an operator must name one.
    #[must_use]
    pub const fn is_of_tenants(self) -> bool {
        matches!(
            self,
            Self::GetTenant
                | Self::ListUsage
                | Self::CreateAclRules
                | Self::ListAclRules
                | Self::DeleteAclRules
                | Self::TestAcl
                | Self::SetQuotas
                | Self::GetQuotas
                | Self::ExplainQuotas
        )
    }

    /// Whether it is a stream, which lives as long as its client likes.
    #[must_use]
    pub const fn is_stream(self) -> bool {
        matches!(
            self,
            Self::ProduceStream
                | Self::Read
                | Self::Consume
                | Self::Work
                | Self::ExportTenant
                | Self::ImportTenant
                | Self::ScanTable
                | Self::WatchTable
                | Self::CompactTopic
                | Self::VerifyTopic
                | Self::CreateBackup
                | Self::RestoreTenant
        )
    }

    /// The operation of a path; none for a path of another service or of nothing.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.path() == path)
    }
}
