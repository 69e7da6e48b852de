"""Everybody's own jobs: how far each has come, what it could not do, its file, and a way to stop it."""

from uuid import UUID

from django.apps import apps
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST
from unfold.decorators import display

from config.back_office import ReadOnlyAdmin
from config.jobs.actions import EXPORT, cancel_job
from config.jobs.csv import read_parts
from config.jobs.models import Job

STATE_LABELS = {"Waiting": "info", "Working": "info", "Done": "success", "Cancelled": "warning", "Failed": "danger"}


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = ("title", "shown_state", "progress", "created_by", "created_ts", "finished_ts")
    list_filter = ("state",)
    list_select_related = ("created_by",)
    change_form_outer_before_template = "jobs/_head.html"
    fieldsets = (
        (None, {"fields": ("live", "told")}),
        ("Record", {"fields": (("created_by", "created_ts", "finished_ts"), ("model", "action"), "query")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        jobs = super().get_queryset(request).defer("keys")
        return jobs if request.user.is_superuser else jobs.filter(created_by=request.user)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Each his own, which `get_queryset` sees to."""
        return bool(request.user.is_active and request.user.is_staff)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_urls(self) -> list[URLPattern]:
        guarded = self.admin_site.admin_view
        return [
            path("<uuid:pk>/progress/", guarded(never_cache(self.progress_view)), name="jobs_job_progress"),
            path("<uuid:pk>/file/", guarded(self.file_view), name="jobs_job_file"),
            path("<uuid:pk>/cancel/", guarded(require_POST(self.cancel_view)), name="jobs_job_cancel"),
            *super().get_urls(),
        ]

    def progress_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        return render(request, "jobs/_progress.html", {"job": self._own(request, pk)})

    def file_view(self, request: HttpRequest, pk: UUID) -> StreamingHttpResponse:
        job = self._own(request, pk)
        if job.action != EXPORT or job.state != Job.State.DONE:
            raise Http404("This job has no file (yet).")
        if not self.admin_site.get_model_admin(apps.get_model(job.model)).has_view_permission(request):
            raise PermissionDenied
        name = f"{job.model.rpartition('.')[2]}-{job.created_ts:%Y-%m-%d}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
        return StreamingHttpResponse(read_parts(job.pk), content_type="text/csv; charset=utf-8", headers=headers)

    def cancel_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        if cancel_job(self._own(request, pk)):
            messages.success(request, "It is cancelled. What was done stays done.")
        else:
            messages.warning(request, "It was over already.")
        return HttpResponseRedirect(reverse("admin:jobs_job_change", args=[pk]))

    def _own(self, request: HttpRequest, pk: UUID) -> Job:
        return get_object_or_404(self.get_queryset(request), pk=pk)

    @display(description="State", label=STATE_LABELS)
    def shown_state(self, job: Job) -> str:
        return job.get_state_display()

    @display(description="Progress")
    def progress(self, job: Job) -> str:
        return f"{job.percent} %"

    @display(description="How far it has come")
    def live(self, job: Job) -> SafeString:
        return SafeString(render_to_string("jobs/_progress.html", {"job": job}))

    @display(description="What it could not do")
    def told(self, job: Job) -> SafeString | str:
        return format_html_join("", "<p>{}</p>", ((note,) for note in job.notes)) or "–"
