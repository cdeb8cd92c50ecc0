using ControlCenter.Domain.Access;
using ControlCenter.Domain.Escalations;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace ControlCenter.Runtime.Escalations;

/// <summary>Escalations.</summary>
public sealed class EscalationTable : IEntityTypeConfiguration<Escalation>
{
    /// <inheritdoc />
    public void Configure(EntityTypeBuilder<Escalation> builder)
    {
        builder.ToTable("escalations", t =>
        {
            t.HasWireNameCheck<EscalationKind>("kind");
            t.HasWireNameCheck<EscalationState>("state");
            t.HasCheckConstraint("escalations_hash_check", "(action is null) = (action_hash is null)");
        });
        builder.HasKey(e => e.Id);
        builder.Property(e => e.Id).ValueGeneratedNever();
        builder.Property(e => e.Kind).HasWireName();
        builder.Property(e => e.State).HasWireName();
        builder.Property(e => e.Action).HasColumnType("text");
        builder.Property(e => e.OpenedAt).HasDefaultValueSql("clock_timestamp()");
        builder.HasIndex(e => e.ExpiresAt).HasDatabaseName("escalations_waiting").HasFilter("state = 'waiting'");
        builder.HasIndex(e => new { e.State, e.OpenedAt, e.Id }).HasDatabaseName("escalations_by_state");
        builder.HasIndex(e => new { e.OpenedAt, e.Id }).HasDatabaseName("escalations_by_time");
        builder.HasIndex(e => e.TaskId).HasDatabaseName("escalations_by_task").HasFilter("task_id is not null");
        builder.HasOne<WorkTask>().WithMany().HasForeignKey(e => e.TaskId).OnDelete(DeleteBehavior.Restrict);
        builder.HasOne<Ticket>().WithMany().HasForeignKey(e => e.TicketId).OnDelete(DeleteBehavior.Restrict);
        builder.HasOne<Lease>().WithMany().HasForeignKey(e => e.LeaseId).OnDelete(DeleteBehavior.Restrict);
        builder.HasOne<Actor>().WithMany().HasForeignKey(e => e.RequestedBy).OnDelete(DeleteBehavior.Restrict);
    }
}

/// <summary>Decisions.</summary>
public sealed class DecisionTable : IEntityTypeConfiguration<Decision>
{
    /// <inheritdoc />
    public void Configure(EntityTypeBuilder<Decision> builder)
    {
        builder.ToTable("decisions", t => t.HasWireNameCheck<Verdict>("verdict"));
        builder.HasKey(d => d.Id);
        builder.Property(d => d.Id).ValueGeneratedNever();
        builder.Property(d => d.Verdict).HasWireName();
        builder.Property(d => d.DecidedAt).HasDefaultValueSql("clock_timestamp()");
        builder.HasIndex(d => d.EscalationId).IsUnique().HasDatabaseName("decisions_by_escalation");
        builder.HasOne<Escalation>().WithOne().HasForeignKey<Decision>(d => d.EscalationId).OnDelete(DeleteBehavior.Restrict);
        builder.HasOne<Actor>().WithMany().HasForeignKey(d => d.DecidedBy).OnDelete(DeleteBehavior.Restrict);
    }
}
