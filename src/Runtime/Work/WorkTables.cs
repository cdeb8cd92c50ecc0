using ControlCenter.Domain.Access;
using ControlCenter.Domain.Agents;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace ControlCenter.Runtime.Work;

/// <summary>Tickets.</summary>
public sealed class TicketTable : IEntityTypeConfiguration<Ticket>
{
    /// <inheritdoc />
    public void Configure(EntityTypeBuilder<Ticket> builder)
    {
        builder.ToTable("tickets", t =>
        {
            t.HasWireNameCheck<TicketState>("state");
            t.HasCheckConstraint("tickets_priority_check", "priority between 0 and 4");
            t.HasCheckConstraint("tickets_title_check", "length(title) between 1 and 500");
        });
        builder.HasKey(t => t.Id);
        builder.Property(t => t.Id).ValueGeneratedNever();
        builder.Property(t => t.Number).UseIdentityAlwaysColumn();
        builder.Property(t => t.State).HasWireName();
        builder.Property(t => t.CreatedAt).HasDefaultValueSql("clock_timestamp()");
        builder.Property(t => t.UpdatedAt).HasDefaultValueSql("clock_timestamp()");
        builder.Ignore(t => t.Key);
        builder.HasIndex(t => t.Number).IsUnique().HasDatabaseName("tickets_by_number");
        builder.HasIndex(t => new { t.State, t.Number }).HasDatabaseName("tickets_by_state");
        builder.HasOne<Actor>().WithMany().HasForeignKey(t => t.CreatedBy).OnDelete(DeleteBehavior.Restrict);
    }
}

/// <summary>Tasks.</summary>
public sealed class TaskTable : IEntityTypeConfiguration<WorkTask>
{
    /// <inheritdoc />
    public void Configure(EntityTypeBuilder<WorkTask> builder)
    {
        builder.ToTable("tasks", t =>
        {
            t.HasWireNameCheck<TaskState>("state");
            t.HasCheckConstraint("tasks_priority_check", "priority between 0 and 4");
            t.HasCheckConstraint("tasks_title_check", "length(title) between 1 and 500");
            t.HasCheckConstraint("tasks_attempt_check", "attempt between 1 and max_attempts");
            t.HasCheckConstraint("tasks_percent_check", "percent between 0 and 100");
            t.HasCheckConstraint("tasks_lease_check", "(lease_id is not null) = (state in ('leased', 'running', 'waiting_human'))");
        });
        builder.HasKey(t => t.Id);
        builder.Property(t => t.Id).ValueGeneratedNever();
        builder.Property(t => t.Ordinal).UseIdentityAlwaysColumn();
        builder.Property(t => t.State).HasWireName();
        builder.Property(t => t.Attempt).HasDefaultValue(1);
        builder.Property(t => t.FencingToken).HasDefaultValue(0L);
        builder.Property(t => t.Result).HasColumnType("jsonb");
        builder.Property(t => t.CreatedAt).HasDefaultValueSql("clock_timestamp()");
        builder.Property(t => t.UpdatedAt).HasDefaultValueSql("clock_timestamp()");
        builder.HasIndex(t => new { t.TicketId, t.Ordinal }).IncludeProperties(t => t.State).HasDatabaseName("tasks_by_ticket");
        builder.HasIndex(t => new { t.State, t.Ordinal }).HasDatabaseName("tasks_by_state");
        builder.HasIndex(t => new { t.AgentId, t.Ordinal }).HasDatabaseName("tasks_by_agent").HasFilter("agent_id is not null");
        builder.HasIndex(t => t.Ordinal).IsUnique().HasDatabaseName("tasks_by_ordinal");

        // The Overview's counts of the last day read only this.
        builder.HasIndex(t => new { t.State, t.EndedAt }).HasDatabaseName("tasks_ended").HasFilter("ended_at is not null");
        builder.HasIndex(t => new { t.CapabilitySetId, t.Priority, t.Ordinal })
            .HasDatabaseName("tasks_to_claim").IsDescending(false, true, false).HasFilter("state = 'ready'");
        builder.HasOne<Ticket>().WithMany().HasForeignKey(t => t.TicketId).OnDelete(DeleteBehavior.Restrict);
        builder.HasOne<CapabilitySet>().WithMany().HasForeignKey(t => t.CapabilitySetId).OnDelete(DeleteBehavior.Restrict);
        builder.HasOne<Agent>().WithMany().HasForeignKey(t => t.AgentId).OnDelete(DeleteBehavior.Restrict);
        builder.HasOne<Actor>().WithMany().HasForeignKey(t => t.CreatedBy).OnDelete(DeleteBehavior.Restrict);
    }
}

/// <summary>Dependencies between tasks.</summary>
public sealed class TaskDependencyTable : IEntityTypeConfiguration<TaskDependency>
{
    /// <inheritdoc />
    public void Configure(EntityTypeBuilder<TaskDependency> builder)
    {
        builder.ToTable("task_dependencies", t => t.HasCheckConstraint("task_dependencies_not_itself_check", "task_id <> depends_on_id"));
        builder.HasKey(d => new { d.TaskId, d.DependsOnId });
        builder.HasIndex(d => d.DependsOnId).HasDatabaseName("task_dependencies_by_dependency");
        builder.HasOne<WorkTask>().WithMany().HasForeignKey(d => d.TaskId).OnDelete(DeleteBehavior.Restrict);
        builder.HasOne<WorkTask>().WithMany().HasForeignKey(d => d.DependsOnId).OnDelete(DeleteBehavior.Restrict);
    }
}

/// <summary>Sets of required capabilities.</summary>
public sealed class CapabilitySetTable : IEntityTypeConfiguration<CapabilitySet>
{
    /// <inheritdoc />
    public void Configure(EntityTypeBuilder<CapabilitySet> builder)
    {
        builder.ToTable("capability_sets");
        builder.HasKey(s => s.Id);
        builder.Property(s => s.Id).UseIdentityAlwaysColumn();
        builder.HasIndex(s => s.Capabilities).IsUnique().HasDatabaseName("capability_sets_by_content");
    }
}

/// <summary>Leases.</summary>
public sealed class LeaseTable : IEntityTypeConfiguration<Lease>
{
    /// <inheritdoc />
    public void Configure(EntityTypeBuilder<Lease> builder)
    {
        builder.ToTable("leases", t =>
        {
            t.HasWireNameCheck<LeaseEnd>("end_reason");
            t.HasCheckConstraint("leases_end_check", "(ended_at is null) = (end_reason is null)");
        });
        builder.HasKey(l => l.Id);
        builder.Property(l => l.Id).ValueGeneratedNever();
        builder.Property(l => l.EndReason).HasWireName();

        // Two agents never hold one task: the database itself refuses a second lease in force.
        builder.HasIndex(l => l.TaskId).IsUnique().HasDatabaseName("leases_in_force").HasFilter("ended_at is null");
        builder.HasIndex(l => l.EndedAt).HasDatabaseName("leases_expired").HasFilter("end_reason = 'expired'");
        builder.HasIndex(l => new { l.TaskId, l.FencingToken }).IsUnique().HasDatabaseName("leases_by_task");
        builder.HasOne<WorkTask>().WithMany().HasForeignKey(l => l.TaskId).OnDelete(DeleteBehavior.Restrict);
        builder.HasOne<Agent>().WithMany().HasForeignKey(l => l.AgentId).OnDelete(DeleteBehavior.Restrict);
    }
}

/// <summary>Checkpoints.</summary>
public sealed class CheckpointTable : IEntityTypeConfiguration<Checkpoint>
{
    /// <inheritdoc />
    public void Configure(EntityTypeBuilder<Checkpoint> builder)
    {
        builder.ToTable("checkpoints", t => t.HasCheckConstraint("checkpoints_size_check", $"size_bytes between 1 and {Checkpoint.MaxBytes}"));
        builder.HasKey(c => c.Id);
        builder.Property(c => c.Id).ValueGeneratedNever();
        builder.Property(c => c.State).HasColumnType("jsonb");
        builder.Property(c => c.CreatedAt).HasDefaultValueSql("clock_timestamp()");
        builder.HasIndex(c => new { c.TaskId, c.CreatedAt }).HasDatabaseName("checkpoints_by_task");
        builder.HasOne<WorkTask>().WithMany().HasForeignKey(c => c.TaskId).OnDelete(DeleteBehavior.Restrict);
        builder.HasOne<Lease>().WithMany().HasForeignKey(c => c.LeaseId).OnDelete(DeleteBehavior.Restrict);
    }
}
